// SPDX-License-Identifier: Apache-2.0
// What is known to go wrong with Rockchip's vendor stack.
#include "npu/rknpu/checks.h"

#include "npu/remedies.h"
#include "npu/rknpu/facts.h"

namespace anynpu::npu::rknpu {
namespace {

Verdict device_tree(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.tree_nodes.empty()) return skip("the device tree names no NPU of this driver");
  Problem problem;
  for (const TreeNode& node : facts.tree_nodes) {
    if (node.enabled) return pass();
    problem.evidence.push_back(node.path + "/status: disabled");
  }
  problem.remedy.needs_root = problem.remedy.needs_reboot = true;
  problem.remedy.text = "enable the NPU with the board's overlay tool, then reboot";
  if (context.distribution().id == "armbian")
    problem.remedy.commands = {"sudo armbian-config", "sudo reboot"};
  else
    problem.remedy.commands = {"sudo rsetup", "sudo reboot"};
  return fail(std::move(problem));
}

Verdict node_permission(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty()) return skip("there is no node of this driver");
  std::vector<Problem> problems;
  for (const Device& device : facts.devices) {
    Problem problem;
    problem.device = device.id;
    for (const std::string& node : device.nodes) {
      if (!context.machine().exists(node) || context.machine().may_open(node)) continue;
      problem.evidence.push_back(describe_node(context.machine(), node));
      Remedy more = join_group(context, node, "KERNEL==\"rknpu\"");
      if (problem.remedy.text.empty()) {
        problem.remedy = std::move(more);
      } else {
        problem.remedy.text += "; " + more.text;
        for (std::string& command : more.commands)
          problem.remedy.commands.push_back(std::move(command));
      }
    }
    if (!problem.evidence.empty()) problems.push_back(std::move(problem));
  }
  return fail(std::move(problems));
}

constexpr std::string_view kPermissionLinks[] = {
    "https://github.com/airockchip/rknn-toolkit2/issues/244"};

}  // namespace

std::span<const Check> checks() {
  static constexpr Check kChecks[] = {
      {.id = "RK-DT-DISABLED",
       .family = "rknpu",
       .layer = Layer::kHardware,
       .title = "The device tree enables the NPU",
       .symptom = "failed to open rknpu module, need to insmod rknpu dirver!",
       .cause = "the NPU is disabled in the device tree",
       .fix = "enable the NPU with the board's overlay tool (armbian-config, rsetup) and reboot",
       .run = device_tree},
      {.id = "RK-NODE-PERM",
       .family = "rknpu",
       .layer = Layer::kPermission,
       .title = "The user may open the card and the render node of the NPU",
       .symptom =
           "failed to open rknpu module, need to insmod rknpu dirver! (and with sudo it works)",
       .cause = "this user may not open the NPU's nodes; the vendor runtime needs the card node "
                "(group video) as well as the render node (group render)",
       .fix = "join the groups of both nodes, then log out and in again",
       .links = kPermissionLinks,
       .run = node_permission},
  };
  return kChecks;
}

}  // namespace anynpu::npu::rknpu
