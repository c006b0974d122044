// SPDX-License-Identifier: Apache-2.0
// KernelWatch: lines of the kernel's log that say that a device failed, as they come.
//
// For `rocket` this is the only place that tells of a job that timed out: the driver reports
// success. Reading the log takes CAP_SYSLOG or kernel.dmesg_restrict=0; without, nothing is known,
// which is not the same as healthy.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace anynpu::runtime {

class KernelWatch {
 public:
  /// From now on; what was logged before does not count.
  KernelWatch(std::string_view family, const std::filesystem::path& file);

  /// The first line about trouble since the last call; empty when there was none. Never waits.
  std::string news();
  bool readable() const { return static_cast<bool>(fd_); }
  /// Why trouble will not be noticed, and what to do about it; nothing where the log is read, and
  /// for devices whose drivers tell their programs.
  const std::optional<Error>& blind() const { return blind_; }

 private:
  std::string family_;
  Fd fd_;
  std::optional<Error> blind_;
  std::string rest_;  // of a line that was not whole yet
};

}  // namespace anynpu::runtime
