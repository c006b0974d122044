// SPDX-License-Identifier: Apache-2.0
// AMD Ryzen AI NPUs, by their PCI ids. No node is opened: that would wake a sleeping one, and who
// looks again and again would keep it awake.
#include "npu/xdna/probe.h"

#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "npu/readiness.h"
#include "npu/sysfs.h"

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

}  // namespace

std::vector<Device> probe(const host::Machine& machine) {
  std::vector<Device> devices;
  for (const PciFunction& function : pci_functions(machine)) {
    const Part* part = part_of(function);
    if (part == nullptr) continue;
    Device device = device_at(devices.size(), part->title);
    device.system_path = "/sys/bus/pci/devices/" + function.address;
    device.evidence.push_back(
        fmt::format("/sys/bus/pci/devices/{}: {:04x}:{:04x} revision {:02x}, {}", function.address,
                    function.vendor, function.device, function.revision,
                    function.driver.empty() ? "no driver" : "driver " + function.driver));
    const std::string firmware = device.system_path + "/fw_version";
    if (std::string version = first_line(machine, firmware); !version.empty())
      device.evidence.push_back(firmware + ": " + printable(version, 40));
    if (std::string node = accel_of(machine, function.address); !node.empty()) {
      device.evidence.push_back(describe_node(machine, "/dev/accel/" + node));
      judge_nodes(machine, device, {"/dev/accel/" + node});
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
