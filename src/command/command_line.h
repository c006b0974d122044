// SPDX-License-Identifier: Apache-2.0
// The whole command line: the tree of commands, and what to say when somebody mistyped it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "command/command.h"

namespace anynpu::command {

/// The root with every command and the options that all share. `context` must outlive it.
std::unique_ptr<CLI::App> command_line(CommandContext& context);

/// Why these arguments (without the program's name) were refused: an unknown command or option by
/// name with the nearest known one as the hint, otherwise `fallback` as CLI11 put it.
Error explain_refusal(const CLI::App& root, const std::vector<std::string>& arguments,
                      const std::string& fallback);

/// "--json", "-h": the names of the options that the user may see, long ones first.
std::vector<std::string> option_names(const CLI::App& command);
/// What stands for the value of an option, "FORMAT"; empty for flags and arguments.
std::string value_name(const CLI::Option& option);
/// The commands below this one that the user may see.
std::vector<const CLI::App*> visible_commands(const CLI::App& command);
/// "anynpu models pull".
std::string full_name(const CLI::App& command);

}  // namespace anynpu::command
