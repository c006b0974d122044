// SPDX-License-Identifier: Apache-2.0
// KernelWatch: lines of the kernel's log that say that a device failed, as they come.
//
// For `rocket` this is the only place that tells of a job that timed out: the driver reports
// success. Reading the log takes CAP_SYSLOG or kernel.dmesg_restrict=0; without, nothing is known,
// which is not the same as healthy.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace anynpu::runtime {

class KernelWatch {
 public:
  /// From now on; what was logged before does not count.
  explicit KernelWatch(std::string_view family, const std::filesystem::path& file = "/dev/kmsg");

  /// The first line about trouble since the last call; empty when there was none. Never waits.
  std::string news();
  bool readable() const { return static_cast<bool>(fd_); }

 private:
  std::string family_;
  Fd fd_;
  std::string rest_;  // of a line that was not whole yet
};

}  // namespace anynpu::runtime
