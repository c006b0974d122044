// SPDX-License-Identifier: Apache-2.0
// Other programs, run to their end with limits on time and on what they print.
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace anynpu {

struct CommandResult {
  int exit_code = 0;   // 128 + N when signal N ended it
  std::string output;  // standard output
  std::string errors;  // the end of standard error, at most 4 KiB
};

struct CommandOptions {
  Duration timeout = seconds(60);
  std::size_t most_output = 1 << 20;         // over it: the command is ended, Code::kTooLarge
  std::filesystem::path output_file = {};    // standard output goes here instead
  std::string input = {};                    // standard input; at most what a pipe holds (64 KiB)
  std::function<void()> while_running = {};  // called about ten times a second
  std::stop_token stop = {};                 // asked: the command is ended, Code::kCancelled
};

/// Looks `arguments[0]` up in PATH; one that is not there is Code::kNotFound. A command over its
/// time is ended with its whole process group and is Code::kTimeout. A non-zero exit code is
/// not an error here.
Result<CommandResult> run_command(const std::vector<std::string>& arguments,
                                  const CommandOptions& options = {});

/// Whether PATH has the program.
bool has_command(const std::string& name);

}  // namespace anynpu
