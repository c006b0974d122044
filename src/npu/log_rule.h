// SPDX-License-Identifier: Apache-2.0
// Checks that look for a driver's own words in the kernel log.
#pragma once

#include <array>
#include <string_view>

#include "npu/check.h"

namespace anynpu::npu {

/// Any of these texts in a line of the kernel log tells of the failure.
struct LogRule {
  std::string_view family;
  std::array<std::string_view, 3> texts;
  /// The line is of the driver's start: it says nothing any more once there is a device node.
  bool of_start = false;
};

Verdict look_in_log(const CheckContext& context, const LogRule& rule);

/// A Check's `run` for a rule with static storage.
template <const LogRule& kRule>
Verdict in_log(const CheckContext& context) {
  return look_in_log(context, kRule);
}

}  // namespace anynpu::npu
