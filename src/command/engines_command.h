// SPDX-License-Identifier: Apache-2.0
// `anynpu engines`: its subcommands, declared for one another.
#pragma once

#include <string>
#include <vector>

#include "command/command.h"

namespace anynpu::command {

struct EnginesOptions {
  std::vector<std::string> names;
  std::string arch;
  std::string to;
};

int list_engines(const CommandContext& context);
int pull_engines(const EnginesOptions& options, const CommandContext& context);

}  // namespace anynpu::command
