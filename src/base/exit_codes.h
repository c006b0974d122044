// SPDX-License-Identifier: Apache-2.0
// Every exit code of the program. `anynpu manual` prints the same table.
#pragma once

namespace anynpu {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,    // the work could not be done; doctor: an NPU is there but unusable
  kExitUsage = 2,     // the command line is wrong
  kExitDegraded = 3,  // done, but not as wanted: a target missed, some files failed, a degraded NPU
  kExitInterrupted = 130  // ended by SIGINT
};

}  // namespace anynpu
