// SPDX-License-Identifier: Apache-2.0
// FileLock: one process at a time works in a folder. The lock goes with the process that holds it.
#pragma once

#include <filesystem>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"

namespace anynpu::model {

class FileLock {
 public:
  /// Makes the folder of `path` when it is not there. When another process holds the lock, says so
  /// on standard error and waits; Code::kBusy after `patience`.
  static Result<FileLock> take(const std::filesystem::path& path,
                               Duration patience = seconds(1800));

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace anynpu::model
