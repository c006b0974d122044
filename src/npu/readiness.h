// SPDX-License-Identifier: Apache-2.0
// Whether the device nodes of an NPU may be opened by this process, judged by their owners and
// permissions. Nothing is opened.
#pragma once

#include <string>
#include <vector>

#include "host/machine.h"
#include "npu/device.h"

namespace anynpu::npu {

/// Fills in nodes, node (the first one), status, reason and hint. All nodes are needed: the
/// vendor's library for Rockchip opens the card node as well as the render node.
void judge_nodes(const host::Machine& machine, Device& device,
                 const std::vector<std::string>& nodes);

}  // namespace anynpu::npu
