// SPDX-License-Identifier: Apache-2.0
// Accel devices whose driver belongs to no family of anynpu.
#include "npu/unknown/probe.h"

#include "npu/rocket/probe.h"
#include "npu/sysfs.h"

namespace anynpu::npu::unknown {

std::vector<Device> probe(const host::Machine& machine) {
  std::vector<Device> devices;
  for (const AccelNode& node : accel_nodes(machine)) {
    if (node.driver == "rocket" || node.driver == "amdxdna") continue;
    if (node.driver.empty() && !rocket::probe(machine).empty()) continue;  // it took the node
    Device device;
    device.id = node.name;
    device.family = "unknown";
    device.title =
        node.driver.empty() ? "accel device" : "accel device of the driver " + node.driver;
    device.reason = node.driver.empty() ? "its driver cannot be told, because /sys does not show it"
                                        : "anynpu does not know this driver";
    device.evidence.push_back(describe_node(machine, "/dev/accel/" + node.name));
    devices.push_back(std::move(device));
  }
  return devices;
}

}  // namespace anynpu::npu::unknown
