// SPDX-License-Identifier: Apache-2.0
// AMD Ryzen AI NPUs, by their PCI ids. A sleeping one is not woken: only what the kernel has cached
// of its configuration space is read.
#include "npu/xdna/probe.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "npu/readiness.h"
#include "npu/sysfs.h"
#include "npu/xdna/live.h"

namespace anynpu::npu::xdna {
namespace {

constexpr unsigned kAmd = 0x1022;
constexpr int kAnyRevision = -1;

struct Part {
  unsigned device;
  int revision;
  std::string_view title;
};
// Ids of the amdxdna driver; the first row that fits counts.
constexpr std::array<Part, 5> kParts = {{
    {0x1502, kAnyRevision, "AMD Ryzen AI NPU (Phoenix, Hawk Point)"},
    {0x17f0, 0x10, "AMD Ryzen AI NPU (Strix)"},
    {0x17f0, 0x11, "AMD Ryzen AI NPU (Strix Halo)"},
    {0x17f0, 0x20, "AMD Ryzen AI NPU (Krackan, Gorgon Point)"},
    {0x17f0, kAnyRevision, "AMD Ryzen AI NPU"},
}};

const Part* part_of(const PciFunction& function) {
  if (function.vendor != kAmd) return nullptr;
  for (const Part& part : kParts)
    if (part.device == function.device &&
        (part.revision == kAnyRevision ||
         static_cast<unsigned>(part.revision) == function.revision))
      return &part;
  return nullptr;
}

// The accel node of a PCI function: /sys/bus/pci/devices/ADDRESS/accel/accelN.
std::string accel_of(const host::Machine& machine, const std::string& address) {
  std::vector<std::string> names = machine.list("/sys/bus/pci/devices/" + address + "/accel");
  return names.empty() ? std::string() : names.front();
}

Device device_at(std::size_t index, std::string_view title) {
  Device device;
  device.id = fmt::format("xdna{}", index);
  device.family = "xdna";
  device.title = title;
  device.index = static_cast<int>(index);
  return device;
}

// What an NPU that is awake says of itself. A sleeping one is left alone.
void describe_live(const host::Machine& machine, Device& device, const std::string& folder) {
  if (first_line(machine, folder + "/power/runtime_status") != "active") return;
  auto live = read_live(machine, device.node, folder);
  if (!live) return;  // the doctor looks into what a driver does not answer
  device.evidence.push_back(fmt::format(
      "{}: firmware {}, {} columns, {} MHz, {} contexts{}", device.node,
      live->firmware.empty() ? "not told" : live->firmware, live->columns, live->clock_mhz,
      live->contexts.size(), live->watts ? fmt::format(", {:.1f} W", *live->watts) : ""));
  for (const LiveContext& context : live->contexts)
    device.evidence.push_back(fmt::format(
        "{}: process {} has columns {} to {}, {} commands done, {} under way", device.node,
        context.pid, context.first_column, context.first_column + std::max(context.columns, 1U) - 1,
        context.completions, context.in_flight()));
}

}  // namespace

std::vector<Device> probe(const host::Machine& machine) {
  std::vector<Device> devices;
  for (const PciFunction& function : pci_functions(machine)) {
    const Part* part = part_of(function);
    if (part == nullptr) continue;
    Device device = device_at(devices.size(), part->title);
    device.evidence.push_back(
        fmt::format("/sys/bus/pci/devices/{}: {:04x}:{:04x} revision {:02x}, {}", function.address,
                    function.vendor, function.device, function.revision,
                    function.driver.empty() ? "no driver" : "driver " + function.driver));
    if (std::string node = accel_of(machine, function.address); !node.empty()) {
      device.evidence.push_back(describe_node(machine, "/dev/accel/" + node));
      judge_nodes(machine, device, {"/dev/accel/" + node});
      if (device.status == Status::kReady)
        describe_live(machine, device, "/sys/bus/pci/devices/" + function.address);
    } else {
      device.reason = "the kernel has made no device node for it";
      device.hint = "load the kernel module: sudo modprobe amdxdna";
    }
    devices.push_back(std::move(device));
  }
  if (!devices.empty()) return devices;
  for (const AccelNode& node : accel_nodes(machine)) {
    if (node.driver != "amdxdna") continue;
    Device device = device_at(devices.size(), "AMD Ryzen AI NPU");
    device.evidence.push_back(node.source + ": driver amdxdna");
    device.evidence.push_back(describe_node(machine, "/dev/accel/" + node.name));
    judge_nodes(machine, device, {"/dev/accel/" + node.name});
    devices.push_back(std::move(device));
  }
  return devices;
}

}  // namespace anynpu::npu::xdna
