// SPDX-License-Identifier: Apache-2.0
// The options about placement that run, bench and serve share.
#pragma once

#include <string>

#include "command/command.h"
#include "runtime/served_model.h"

namespace anynpu::command {

/// Adds --policy, --threads and --placement, which write into `options`.
void add_placement_options(CLI::App& command, runtime::ServeOptions& options);

/// Adds --in-process.
void add_isolation_options(CLI::App& command, runtime::ServeOptions& options);

/// "MODEL" or "MODEL@2": the name of a package and the number of its version, 0 for the latest.
struct ModelName {
  std::string name;
  int version = 0;
};
ModelName parse_model_name(const std::string& text);

/// The version of that number, or the latest one. The error's hint lists those that there are.
Result<int> version_of(const model::Package& package, int wanted);

/// "cpu by tflite+xnnpack (model.float32.tflite)".
std::string placement_words(const std::string& device, const std::string& engine,
                            const std::string& artifact);

}  // namespace anynpu::command
