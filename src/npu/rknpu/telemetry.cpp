// SPDX-License-Identifier: Apache-2.0
// Load, clock and heat of Rockchip's NPU under the vendor's driver. The driver's ioctls would tell
// more, but each of them powers the NPU up, so only files are read.
#include "npu/rknpu/telemetry.h"

#include <algorithm>
#include <charconv>

#include "npu/sysfs.h"

namespace anynpu::npu::rknpu {
namespace {

constexpr std::size_t kMostCores = 16;

void read_load(const host::Machine& machine, Telemetry& sample) {
  bool refused = false;
  for (const char* path : {"/proc/rknpu/load", "/sys/kernel/debug/rknpu/load"}) {
    auto text = machine.read_text(path, 4096);
    if (!text) {
      refused = refused || text.error().code == Code::kPermission;
      continue;
    }
    std::vector<double> cores = parse_load(*text);
    if (cores.empty()) continue;
    double sum = 0;
    for (double core : cores) {
      sum += core;
      sample.core_load.push_back(Reading::of(core, path));
    }
    sample.load = Reading::of(sum / static_cast<double>(cores.size()), path);
    return;
  }
  sample.load = Reading::unknown(
      refused || !machine.exists("/sys/kernel/debug/rknpu")
          ? "this kernel has no /proc/rknpu, and /sys/kernel/debug/rknpu is for root"
          : "the driver's load file holds no load");
}

}  // namespace

std::vector<double> parse_load(std::string_view text) {
  std::vector<double> cores;
  for (std::size_t at = text.find('%'); at != std::string_view::npos && cores.size() < kMostCores;
       at = text.find('%', at + 1)) {
    std::size_t begin = at;
    while (begin > 0 && text[begin - 1] >= '0' && text[begin - 1] <= '9') --begin;
    unsigned load = 0;
    auto [end, error] = std::from_chars(text.data() + begin, text.data() + at, load);
    // Old drivers count up to thousands of percent.
    if (begin < at && error == std::errc()) cores.push_back(std::min(load, 100U));
  }
  return cores;
}

void telemetry(const host::Machine& machine, const Device& device, const Telemetry*,
               const TelemetryOptions&, Telemetry& sample) {
  read_load(machine, sample);
  std::string name = device.system_path.substr(device.system_path.rfind('/') + 1);
  sample.frequency = name.empty()
                         ? Reading::unknown("/sys does not show the device")
                         : number_of_file(machine, "/sys/class/devfreq/" + name + "/cur_freq");
  sample.temperature = thermal_zone(machine, "npu-thermal");
  sample.memory_used =
      Reading::unknown("the driver does not count the memory of its clients; it is main memory");
  if (!device.system_path.empty())
    sample.power_state = first_line(machine, device.system_path + "/power/runtime_status");
}

}  // namespace anynpu::npu::rknpu
