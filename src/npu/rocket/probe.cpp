// SPDX-License-Identifier: Apache-2.0
// Rockchip NPUs under the mainline kernel's driver: one accel node for all cores of the SoC.
#include "npu/rocket/probe.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "host/environment.h"
#include "npu/readiness.h"
#include "npu/sysfs.h"

namespace anynpu::npu::rocket {
namespace {

int bound_cores(const host::Machine& machine) {
  std::vector<std::string> names = machine.list("/sys/bus/platform/drivers/rocket");
  return static_cast<int>(std::count_if(
      names.begin(), names.end(), [](const std::string& name) { return name.ends_with(".npu"); }));
}

bool is_rknn_core(const TreeNode& node) {
  return std::any_of(node.compatible.begin(), node.compatible.end(), [](const std::string& entry) {
    return entry.starts_with("rockchip,") && entry.ends_with("-rknn-core");
  });
}

Device device_at(std::size_t index) {
  Device device;
  device.id = fmt::format("rocket{}", index);
  device.family = "rocket";
  device.title = "Rockchip RK3588 NPU";  // the only SoC that the driver knows
  device.index = static_cast<int>(index);
  return device;
}

}  // namespace

std::vector<Device> probe(const host::Machine& machine) {
  std::vector<Device> devices;
  std::vector<TreeNode> cores;
  for (TreeNode& node : npu_nodes_of_device_tree(machine))
    if (is_rknn_core(node)) cores.push_back(std::move(node));

  for (const AccelNode& node : accel_nodes(machine)) {
    // Where sysfs is hidden, as in some containers, the device tree's cores tell whose node it is.
    bool hidden = node.driver.empty() && !machine.exists("/sys/class/accel") && !cores.empty();
    if (node.driver != "rocket" && !hidden) continue;
    Device device = device_at(devices.size());
    device.cores = bound_cores(machine);
    device.evidence.push_back(hidden ? cores.front().path + ": a core of this NPU"
                                     : node.source + ": driver rocket");
    device.evidence.push_back(describe_node(machine, "/dev/accel/" + node.name));
    judge_nodes(machine, device, {"/dev/accel/" + node.name},
                {host::container(machine) ? "ROCKET-CONTAINER-NODE" : "ROCKET-NODE-MISSING",
                 "ROCKET-NODE-PERM"});
    devices.push_back(std::move(device));
  }
  if (!devices.empty() || cores.empty()) return devices;

  Device device = device_at(0);
  bool enabled =
      std::any_of(cores.begin(), cores.end(), [](const TreeNode& core) { return core.enabled; });
  device.reason = enabled ? "named by the device tree, but the kernel's rocket driver has made no "
                            "device node for it"
                          : "disabled in the device tree";
  device.hint = enabled
                    ? "load the kernel module: sudo modprobe rocket"
                    : "use a newer device tree of the board, or an overlay, that enables the NPU";
  if (!enabled) device.finding = "ROCKET-DT-DISABLED";
  for (const TreeNode& core : cores)
    device.evidence.push_back(core.path + (core.enabled ? ": enabled" : ": disabled"));
  return {device};
}

}  // namespace anynpu::npu::rocket
