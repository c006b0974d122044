// SPDX-License-Identifier: Apache-2.0
// Big and little cores, from sysfs.
#include "host/processors.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace anynpu::host {
namespace {

constexpr double kAsGood = 0.9;
const std::string kFolder = "/sys/devices/system/cpu/";

bool is_processor(const std::string& name) {
  return name.size() > 3 && name.starts_with("cpu") &&
         std::all_of(name.begin() + 3, name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Nothing, or the least of them as a share of the largest.
std::optional<double> least_share(const Machine& machine, const std::string& file) {
  double least = 0, most = 0;
  for (const std::string& name : machine.list(kFolder)) {
    if (!is_processor(name)) continue;
    const auto text = machine.read_text(kFolder + name + "/" + file);
    const double value = text ? std::strtod(text->c_str(), nullptr) : 0;
    if (value <= 0) continue;
    least = most == 0 ? value : std::min(least, value);
    most = std::max(most, value);
  }
  return most > 0 ? std::optional(least / most) : std::nullopt;
}

}  // namespace

bool processors_are_alike(const Machine& machine) {
  return !machine.exists("/sys/devices/cpu_atom") &&
         least_share(machine, "cpu_capacity").value_or(1) == 1 &&
         least_share(machine, "cpufreq/cpuinfo_max_freq").value_or(1) >= kAsGood;
}

}  // namespace anynpu::host
