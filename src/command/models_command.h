// SPDX-License-Identifier: Apache-2.0
// `anynpu models`: its subcommands, declared for one another.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "command/command.h"
#include "model/catalog.h"

namespace anynpu::command {

struct ModelsOptions {
  std::vector<std::string> names;
  std::string file;
  bool all = false;
  bool defaults = false;
  bool tensors = false;
};

int list_models(const CommandContext& context);
int show_model(const ModelsOptions& options, const CommandContext& context);
int pull_models(const ModelsOptions& options, const CommandContext& context);
int verify_models(const ModelsOptions& options, const CommandContext& context);
int print_model_path(const ModelsOptions& options, const CommandContext& context);
int inspect_model_file(const ModelsOptions& options, const CommandContext& context);

}  // namespace anynpu::command
