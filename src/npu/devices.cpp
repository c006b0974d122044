// SPDX-License-Identifier: Apache-2.0
// Asks every family, and puts into words what came of it.
#include "npu/devices.h"

#include <algorithm>
#include <iterator>

#include "npu/registry.h"

namespace anynpu::npu {

std::string_view to_string(Status status) {
  switch (status) {
    case Status::kReady:
      return "ready";
    case Status::kDegraded:
      return "degraded";
    case Status::kUnusable:
      return "unusable";
    case Status::kQuarantined:
      return "quarantined";
  }
  return "unusable";
}

std::vector<Device> find_devices(const host::Machine& machine) {
  std::vector<Device> devices;
  for (const Family& family : families()) {
    std::vector<Device> found = family.probe(machine);
    std::move(found.begin(), found.end(), std::back_inserter(devices));
  }
  return devices;
}

std::string why_no_npu(const std::vector<Device>& devices) {
  std::string found;
  for (const Device& device : devices) {
    if (device.family == "cpu") continue;
    if (device.status == Status::kReady || device.status == Status::kDegraded) return {};
    if (!found.empty()) found += "; ";
    found += device.id + " (" + device.title + "): " + device.reason;
  }
  if (!found.empty()) return found;
  return "no NPU on this machine: no accel or NPU node in /dev, no known NPU on PCI, no NPU in the "
         "device tree";
}

}  // namespace anynpu::npu
