// SPDX-License-Identifier: Apache-2.0
// Whether the device nodes of an NPU may be opened by this process.
#include "npu/readiness.h"

#include <fmt/format.h>

#include "host/environment.h"

namespace anynpu::npu {
namespace {

// Membership of root's group opens nothing, and a group without a name, as containers have them,
// cannot be joined.
bool group_helps(const host::Machine& machine, const host::Node& node) {
  return node.gid != 0 && (node.permissions & 060U) == 060U && !host::container(machine) &&
         !host::group_name(machine, node.gid).empty();
}

}  // namespace

void judge_nodes(const host::Machine& machine, Device& device,
                 const std::vector<std::string>& nodes, const NodeFindings& findings) {
  if (!nodes.empty()) device.node = nodes.front();
  device.nodes = nodes;
  device.status = Status::kUnusable;
  for (const std::string& path : nodes) {
    auto node = machine.stat(path);
    if (!node || node->kind != host::NodeKind::kCharacterDevice) {
      device.reason = "its device node " + path + " is not there";
      device.finding = findings.missing;
      device.hint =
          "give the container the node, or look into the kernel's log: dmesg | grep -i npu";
      return;
    }
    if (machine.may_open(path)) continue;
    device.finding = findings.permission;
    device.reason = fmt::format("this user may not open {} (mode {:04o}, group {})", path,
                                node->permissions, node->gid);
    device.hint = group_helps(machine, *node)
                      ? fmt::format(
                            "become a member of the node's group, then log in again: sudo "
                            "usermod -aG \"$(stat -c %G {})\" \"$USER\"",
                            path)
                      : "`anynpu doctor` says how to open it";
    return;
  }
  device.status = Status::kReady;
  device.reason = "its device node is there and may be opened";
}

}  // namespace anynpu::npu
