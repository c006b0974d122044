// SPDX-License-Identifier: Apache-2.0
// Checks that look for a driver's own words in the kernel log.
#include "npu/log_rule.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace anynpu::npu {

std::vector<std::string> lines_since(const host::KernelLog& log,
                                     std::span<const std::string_view> begun, std::string_view text,
                                     std::size_t most) {
  std::vector<std::string> found;  // the newest first
  for (auto line = log.lines.rbegin(); line != log.lines.rend(); ++line) {
    const auto has = [&](std::string_view part) {
      return !part.empty() && line->find(part) != std::string::npos;
    };
    if (has(text) && found.size() < most) found.push_back(*line);
    if (std::any_of(begun.begin(), begun.end(), has)) break;
  }
  std::reverse(found.begin(), found.end());
  return found;
}

double log_time(std::string_view line) {
  if (!line.starts_with('[')) return -1;
  line.remove_prefix(1);
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(' ')));
  double time = -1;
  auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), time);
  return error == std::errc() && end != line.data() + line.size() && *end == ']' ? time : -1;
}

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
      for (const std::string& line : lines_since(log, {&rule.begun, 1}, text, 2))
        problem.evidence.push_back("kernel log: " + printable(line));
  return problem.evidence.empty() ? pass() : fail(std::move(problem));
}

}  // namespace anynpu::npu
