// SPDX-License-Identifier: Apache-2.0
// Completion scripts for shells, written from the tree of commands.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace anynpu::command {

std::string bash_completion(const CLI::App& root);
std::string zsh_completion(const CLI::App& root);
std::string fish_completion(const CLI::App& root);

}  // namespace anynpu::command
