// SPDX-License-Identifier: Apache-2.0
// Load and heat of Rockchip's NPU under the mainline driver.
#include "npu/rocket/telemetry.h"

#include <algorithm>

#include "npu/sysfs.h"

namespace anynpu::npu::rocket {
namespace {

Reading core_load(const std::string& path, const Reading& active, const Telemetry* before) {
  if (!active.value) return active;
  auto last = before == nullptr ? std::map<std::string, double>::const_iterator{}
                                : before->counters.find(path);
  if (before == nullptr || last == before->counters.end())
    return Reading::unknown("it takes two samples");
  double elapsed = ms_since(before->taken);
  if (elapsed < 1) return Reading::unknown("the samples are too near to each other");
  return Reading::of(std::clamp((*active.value - last->second) / elapsed * 100, 0.0, 100.0), path);
}

}  // namespace

void telemetry(const host::Machine& machine, const Device&, const Telemetry* before,
               const TelemetryOptions&, Telemetry& sample) {
  double sum = 0;
  int known = 0;
  sample.load = Reading::unknown("/sys shows no core of the driver");
  for (const std::string& core : machine.list("/sys/bus/platform/drivers/rocket")) {
    if (!core.ends_with(".npu")) continue;
    std::string folder = "/sys/devices/platform/" + core + "/power";
    std::string path = folder + "/runtime_active_time";
    Reading active = number_of_file(machine, path);
    if (active.value) sample.counters[path] = *active.value;
    Reading load = core_load(path, active, before);
    if (load.value) {
      sum += *load.value;
      ++known;
    } else {
      sample.load = load;
    }
    sample.core_load.push_back(std::move(load));
    std::string state = first_line(machine, folder + "/runtime_status");
    if (sample.power_state.empty() || state == "active") sample.power_state = state;
  }
  if (known > 0)
    sample.load = Reading::of(sum / known, "/sys/devices/platform/*.npu/power/runtime_active_time");
  sample.frequency =
      Reading::unknown("the driver has no clock control; the kernel's clk_summary is for root");
  sample.temperature = thermal_zone(machine, "npu-thermal");
  sample.memory_used =
      Reading::unknown("the driver does not count the memory of its clients; it is main memory");
}

}  // namespace anynpu::npu::rocket
