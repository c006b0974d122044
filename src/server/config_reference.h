// SPDX-License-Identifier: Apache-2.0
// docs/configuration.md, written from the table of options.
#pragma once

#include <string>

namespace anynpu::server {

/// The whole page, in Markdown.
std::string config_reference();

}  // namespace anynpu::server
