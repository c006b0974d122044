// SPDX-License-Identifier: Apache-2.0
// Checks that look for a driver's own words in the kernel log.
#include "npu/log_rule.h"

#include <algorithm>

#include "base/text.h"

namespace anynpu::npu {

Verdict look_in_log(const CheckContext& context, const LogRule& rule) {
  const auto devices = context.devices_of(rule.family);
  if (devices.empty()) return skip("there is no NPU of this family");
  const bool nodes = std::any_of(devices.begin(), devices.end(),
                                 [](const Device* device) { return !device->nodes.empty(); });
  if (rule.of_start && nodes) return pass();
  const host::KernelLog& log = context.kernel_log();
  if (!log.readable()) return cannot_tell("the kernel log cannot be read: " + log.why_not);
  Problem problem;
  for (std::string_view text : rule.texts)
    if (!text.empty())
      for (const std::string& line : host::log_lines(log, text, 2))
        problem.evidence.push_back("kernel log: " + printable(line));
  return problem.evidence.empty() ? pass() : fail(std::move(problem));
}

}  // namespace anynpu::npu
