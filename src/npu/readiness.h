// SPDX-License-Identifier: Apache-2.0
// Whether the device nodes of an NPU may be opened by this process, judged by their owners and
// permissions. Nothing is opened.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/machine.h"
#include "npu/device.h"

namespace anynpu::npu {

/// The findings of a family for nodes that are not there and nodes that may not be opened; empty
/// where more than one could be the cause.
struct NodeFindings {
  std::string_view missing, permission;
};

/// Fills in nodes, node (the first one), status, reason, hint and finding. All nodes are needed:
/// the vendor's library for Rockchip opens the card node as well as the render node.
void judge_nodes(const host::Machine& machine, Device& device,
                 const std::vector<std::string>& nodes, const NodeFindings& findings = {});

}  // namespace anynpu::npu
