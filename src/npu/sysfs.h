// SPDX-License-Identifier: Apache-2.0
// What several probes read from sysfs and the device tree.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/machine.h"

namespace anynpu::npu {

/// One function on the PCI bus.
struct PciFunction {
  std::string address;  // "0000:c4:00.1"
  unsigned vendor = 0;
  unsigned device = 0;
  unsigned revision = 0;
  std::string driver;  // "amdxdna"; empty when none has taken it
};
std::vector<PciFunction> pci_functions(const host::Machine& machine);

/// One node /dev/accel/accelN. The number says nothing about whose it is: the class is shared by
/// the drivers of all vendors.
struct AccelNode {
  std::string name;    // "accel0"
  std::string driver;  // "rocket", "amdxdna", "intel_vpu"; empty when sysfs does not tell
  std::string source;  // the path that told the driver
};
std::vector<AccelNode> accel_nodes(const host::Machine& machine);

/// An NPU node of the device tree.
struct TreeNode {
  std::string path;                     // "/proc/device-tree/npu@fdab0000"
  std::vector<std::string> compatible;  // "rockchip,rk3588-rknpu"
  bool enabled = true;                  // its status is "okay", or it has none
};
std::vector<TreeNode> npu_nodes_of_device_tree(const host::Machine& machine);
/// The machine's own compatible list, most specific first; empty where there is no device tree.
std::vector<std::string> machine_compatible(const host::Machine& machine);

/// The last part of what a symbolic link says: a driver's name, a platform device's name.
std::string link_name(const host::Machine& machine, const std::string& path);
/// The file's first line, trimmed; empty when it cannot be read.
std::string first_line(const host::Machine& machine, const std::string& path);
/// Whether the device with that folder in sysfs is powered down, so that a question would wake it.
bool sleeps(const host::Machine& machine, const std::string& system_path);
/// "DRIVER=RKNPU" of a uevent file, by key; empty when it is not there.
std::string uevent_value(const host::Machine& machine, const std::string& path,
                         std::string_view key);

/// "char 0660 uid 0 gid 105", for evidence; says so when there is no such node.
std::string describe_node(const host::Machine& machine, const std::string& path);

}  // namespace anynpu::npu
