// SPDX-License-Identifier: Apache-2.0
// Reads anynpu.toml by the table of options. Everything that is wrong is reported, each with file,
// line and column; what is right is taken.
#pragma once

#include <string>

#include <toml++/toml.h>

#include "server/config.h"

namespace anynpu::server {

/// [server], [models], [detection], [zmq]; and names what has no place in the file at all.
void read_config_sections(const toml::table& table, const std::string& file, LoadedConfig& into);

/// Every [[model]], which starts as [models] says.
void read_config_models(const toml::table& table, const std::string& file, LoadedConfig& into);

}  // namespace anynpu::server
