// SPDX-License-Identifier: Apache-2.0
// WorkerRunner: a script in place of the workers' own start.
#pragma once

#include <cstdlib>
#include <fstream>
#include <string>

#include <sys/stat.h>

#include "temporary_folder.h"

namespace anynpu::test {

/// Workers that are started while it lives are what this shell script makes of its arguments. In
/// it, $EMULATOR is what runs this program where it is not the machine's own.
class WorkerRunner {
 public:
  explicit WorkerRunner(const std::string& script) {
    if (const char* before = std::getenv(kVariable)) before_ = before;
    const auto file = folder_ / "runner";
    std::ofstream(file) << "#!/bin/sh\nEMULATOR='" << before_ << "'\n" << script;
    ::chmod(file.c_str(), 0700);
    ::setenv(kVariable, file.c_str(), 1);
  }
  ~WorkerRunner() { ::setenv(kVariable, before_.c_str(), 1); }
  WorkerRunner(const WorkerRunner&) = delete;
  WorkerRunner& operator=(const WorkerRunner&) = delete;

 private:
  static constexpr const char* kVariable = "ANYNPU_WORKER_LAUNCHER";
  std::string before_;
  TemporaryFolder folder_;
};

/// Loads for ever.
inline constexpr const char* kEndlessLoad = "while :; do sleep 1; done\n";

}  // namespace anynpu::test
