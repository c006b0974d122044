// SPDX-License-Identifier: Apache-2.0
// What the checks of Rockchip's vendor stack look at, read once.
#pragma once

#include <string>
#include <vector>

#include "npu/check.h"
#include "npu/sysfs.h"

namespace anynpu::npu::rknpu {

struct Facts {
  std::vector<Device> devices;       // with nodes: the driver is there
  std::vector<TreeNode> tree_nodes;  // of the device tree, with a compatible of this driver
  bool driver = false;               // the platform driver RKNPU is registered

  static Facts read(const CheckContext& context);
};

}  // namespace anynpu::npu::rknpu
