// SPDX-License-Identifier: Apache-2.0
// AXERA cards, by their place on the PCI bus.
//
// /dev/axcl_host is looked at and never opened: a second open in one thread corrupts the driver,
// and a sick card holds every opener for up to 50 seconds.
#include "npu/axcl/probe.h"

#include <fmt/format.h>

#include "npu/axcl/facts.h"
#include "npu/readiness.h"
#include "npu/sysfs.h"

namespace anynpu::npu::axcl {
namespace {

constexpr const char* kNode = "/dev/axcl_host";

Device device_at(std::size_t index) {
  Device device;
  device.id = fmt::format("axcl{}", index);
  device.family = "axcl";
  device.title = "AXERA AX650/AX8850 card";
  return device;
}

}  // namespace

std::vector<Device> probe(const host::Machine& machine) {
  std::vector<Device> devices;
  for (const PciFunction& function : card_functions(machine)) {
    Device device = device_at(devices.size());
    device.index = static_cast<int>(bus_number(function.address));
    device.system_path = "/sys/bus/pci/devices/" + function.address;
    device.evidence.push_back(fmt::format(
        "/sys/bus/pci/devices/{}: {:04x}:{:04x}, {}", function.address, function.vendor,
        function.device, function.driver.empty() ? "no driver" : "driver " + function.driver));
    device.evidence.push_back(describe_node(machine, kNode));
    judge_nodes(machine, device, {kNode}, {"", "AX-NODE-PERM"});
    devices.push_back(std::move(device));
  }
  auto node = machine.stat(kNode);
  if (devices.empty() && node && node->kind == host::NodeKind::kCharacterDevice) {
    Device device = device_at(0);
    device.evidence.push_back(describe_node(machine, kNode));
    judge_nodes(machine, device, {kNode});
    devices.push_back(std::move(device));
  }
  return devices;
}

}  // namespace anynpu::npu::axcl
