// SPDX-License-Identifier: Apache-2.0
// Checks that look for a driver's own words in the kernel log.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "npu/check.h"

namespace anynpu::npu {

/// Any of these texts in a line of the kernel log tells of the failure.
struct LogRule {
  std::string_view family;
  std::array<std::string_view, 3> texts;
  /// The line is of the driver's start: it says nothing any more once there is a device node.
  bool of_start = false;
  /// The driver's words when it has begun anew: what it said before them is over. Empty: nothing
  /// is.
  std::string_view begun = {};
};

/// The last `most` lines with `text` that come after the last one with any of `begun`: what a
/// driver said before it began anew is no news of the device as it is now.
std::vector<std::string> lines_since(const host::KernelLog& log,
                                     std::span<const std::string_view> begun, std::string_view text,
                                     std::size_t most);
/// "[  812.100000] ..." in seconds since boot; negative when the line tells no time.
double log_time(std::string_view line);

Verdict look_in_log(const CheckContext& context, const LogRule& rule);

/// A Check's `run` for a rule with static storage.
template <const LogRule& kRule>
Verdict in_log(const CheckContext& context) {
  return look_in_log(context, kRule);
}

}  // namespace anynpu::npu
