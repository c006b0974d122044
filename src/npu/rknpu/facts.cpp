// SPDX-License-Identifier: Apache-2.0
// What the checks of Rockchip's vendor stack look at.
#include "npu/rknpu/facts.h"

#include <algorithm>

namespace anynpu::npu::rknpu {

Facts Facts::read(const CheckContext& context) {
  Facts facts;
  for (const Device* device : context.devices_of("rknpu"))
    if (!device->nodes.empty()) facts.devices.push_back(*device);
  for (TreeNode& node : npu_nodes_of_device_tree(context.machine()))
    if (std::any_of(node.compatible.begin(), node.compatible.end(),
                    [](const std::string& entry) { return entry.ends_with("-rknpu"); }))
      facts.tree_nodes.push_back(std::move(node));
  facts.driver = context.machine().exists("/sys/bus/platform/drivers/RKNPU");
  return facts;
}

}  // namespace anynpu::npu::rknpu
