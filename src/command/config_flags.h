// SPDX-License-Identifier: Apache-2.0
// The flags of the server's options, made from their table (server/config_options.h). `serve` and
// `config show` have the same ones.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "command/command.h"
#include "server/config.h"

namespace anynpu::command {

/// What the command line gave. Outlives the command's action.
struct ConfigFlags {
  CLI::App* command = nullptr;
  std::string file;                 // --config
  std::vector<std::string> models;  // --model
  std::vector<server::FlagValue> values;
};

/// Adds --config and one flag per option.
std::shared_ptr<ConfigFlags> add_config_flags(CLI::App& command);

/// The command line, the environment of this process, and the file that they lead to.
server::LoadedConfig load_config(const ConfigFlags& flags, const CommandContext& context);

}  // namespace anynpu::command
