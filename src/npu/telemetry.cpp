// SPDX-License-Identifier: Apache-2.0
// What several families read for their telemetry.
#include "npu/telemetry.h"

#include <charconv>

#include "base/text.h"
#include "npu/registry.h"
#include "npu/sysfs.h"

namespace anynpu::npu {

Telemetry sample_telemetry(const host::Machine& machine, const Device& device,
                           const Telemetry* before, const TelemetryOptions& options) {
  Telemetry sample;
  sample.holders = find_holders(machine, device.nodes);
  sample.taken = Clock::now();
  const std::string none = "anynpu reads none of this family";
  sample.load = sample.frequency = sample.temperature = sample.memory_used = Reading::unknown(none);
  sample.commands = Reading::unknown("the driver does not count them");
  for (const Family& family : families())
    if (family.name == device.family && family.telemetry != nullptr)
      family.telemetry(machine, device, before, options, sample);
  return sample;
}

double clock_ms() {
  return to_ms(Clock::now().time_since_epoch());
}

Reading number_of_file(const host::Machine& machine, const std::string& path, double scale) {
  auto text = machine.read_text(path, 4096);
  if (!text)
    return Reading::unknown(text.error().code == Code::kNotFound ? path + " is not there"
                                                                 : text.error().message);
  std::string_view word = trim(*text);
  long long value = 0;
  auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc()) return Reading::unknown(path + " holds no number");
  return Reading::of(static_cast<double>(value) * scale, path);
}

Reading thermal_zone(const host::Machine& machine, std::string_view type) {
  for (const std::string& zone : machine.list("/sys/class/thermal")) {
    std::string folder = "/sys/class/thermal/" + zone;
    if (first_line(machine, folder + "/type") == type)
      return number_of_file(machine, folder + "/temp", 0.001);
  }
  return Reading::unknown("there is no thermal zone " + std::string(type));
}

}  // namespace anynpu::npu
