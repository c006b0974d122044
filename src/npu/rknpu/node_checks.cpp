// SPDX-License-Identifier: Apache-2.0
// Checks of the vendor stack: device nodes, and who may open them.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "npu/remedies.h"
#include "npu/rknpu/check_functions.h"
#include "npu/rknpu/facts.h"

namespace anynpu::npu::rknpu {
namespace {

constexpr unsigned kDrmMajor = 226;
constexpr std::string_view kMiscNode = "/dev/rknpu";

std::vector<std::string> missing_nodes(const host::Machine& machine, const Device& device) {
  std::vector<std::string> missing;
  for (const std::string& node : device.nodes) {
    auto found = machine.stat(node);
    if (!found || found->kind != host::NodeKind::kCharacterDevice) missing.push_back(node);
  }
  return missing;
}

bool is_card(const std::string& node) {
  return node.find("/card") != std::string::npos;
}

}  // namespace

Verdict check_symlink(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  const host::Machine& machine = context.machine();
  if (!facts.relevant()) return skip("this machine is not of the vendor stack");
  std::string path(kMiscNode);
  auto link = machine.read_link(path);
  auto node = machine.stat(path);
  Problem problem;
  if (link)
    problem.evidence = {path + " -> " + printable(*link)};
  else if (node && node->kind == host::NodeKind::kCharacterDevice && node->major == kDrmMajor)
    problem.evidence = {
        fmt::format("{}: device {}:{}, a DRM node", path, node->major, node->minor)};
  else
    return pass();
  problem.remedy.text = "remove it; the runtime finds the card and the render node by itself";
  problem.remedy.commands = {"sudo rm " + path};
  problem.remedy.needs_root = true;
  if (context.container()) {
    problem.remedy.text =
        "do not make it in the container's image or its start script; the runtime "
        "finds the card and the render node by itself";
    problem.remedy.commands = {"rm " + path};
  }
  return fail(std::move(problem));
}

Verdict check_container_nodes(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!context.container()) return skip("this is no container");
  if (facts.devices.empty()) return skip("/sys shows no device of this driver");
  std::vector<Problem> problems;
  for (const Device& device : facts.devices) {
    std::vector<std::string> missing = missing_nodes(context.machine(), device);
    if (missing.empty()) continue;
    Problem problem;
    problem.device = device.id;
    for (const std::string& node : missing)
      problem.evidence.push_back(describe_node(context.machine(), node));
    problem.evidence.push_back("in a container: " + context.container().evidence);
    if (missing.size() < device.nodes.size() && is_card(missing.front()))
      problem.cause =
          "the container has the render node only; the vendor's runtime opens the card "
          "node too";
    problem.remedy = pass_devices(context, device.nodes);
    problems.push_back(std::move(problem));
  }
  return fail(std::move(problems));
}

Verdict check_nodes(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (context.container()) return skip("in a container another check looks at this");
  if (facts.devices.empty()) return skip("/sys shows no device of this driver");
  std::vector<Problem> problems;
  for (const Device& device : facts.devices) {
    std::vector<std::string> missing = missing_nodes(context.machine(), device);
    if (missing.empty()) continue;
    Problem problem;
    problem.device = device.id;
    for (const std::string& node : missing)
      problem.evidence.push_back(describe_node(context.machine(), node));
    problem.remedy = make_nodes(context, missing);
    problems.push_back(std::move(problem));
  }
  return fail(std::move(problems));
}

Verdict check_node_permission(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty()) return skip("there is no node of this driver");
  std::vector<Problem> problems;
  for (const Device& device : facts.devices) {
    Problem problem;
    problem.device = device.id;
    std::vector<std::string> closed;
    std::vector<std::string> matches;
    for (const std::string& node : device.nodes) {
      if (!context.machine().exists(node) || context.machine().may_open(node)) continue;
      problem.evidence.push_back(describe_node(context.machine(), node));
      closed.push_back(node);
      // Only the NPU's: the display's nodes are of the same subsystem.
      const std::string platform = device.system_path.substr(device.system_path.rfind('/') + 1);
      std::string match = node == kMiscNode || platform.empty()
                              ? "KERNEL==\"" + node.substr(node.rfind('/') + 1) + "\""
                              : "SUBSYSTEM==\"drm\", KERNELS==\"" + platform + "\"";
      if (std::find(matches.begin(), matches.end(), match) == matches.end())
        matches.push_back(std::move(match));
    }
    if (problem.evidence.empty()) continue;
    problem.remedy = join_groups(context, closed, {matches.begin(), matches.end()});
    std::string groups;
    for (gid_t gid : context.machine().identity().groups) groups += fmt::format(" {}", gid);
    problem.evidence.push_back(
        fmt::format("this process: uid {}, groups{}", context.machine().identity().uid, groups));
    problems.push_back(std::move(problem));
  }
  return fail(std::move(problems));
}

Verdict check_device_rule(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!context.container()) return skip("only containers have device rules");
  if (facts.devices.empty()) return skip("there is no node of this driver");
  std::vector<Problem> problems;
  for (const Device& device : facts.devices) {
    Problem problem;
    problem.device = device.id;
    for (const std::string& node : device.nodes) {
      if (!context.machine().may_open(node)) continue;
      auto opened = context.machine().ask(node, {host::Question::kOpen});
      if (!opened && opened.error().system_errno == EPERM)
        problem.evidence.push_back(opened.error().message + " although its mode allows it");
    }
    if (problem.evidence.empty()) continue;
    problem.remedy = pass_devices(context, device.nodes);
    problems.push_back(std::move(problem));
  }
  return fail(std::move(problems));
}

Verdict check_masked_tree(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!context.container() || facts.devices.empty())
    return skip("no container with a device of this driver");
  auto compatible = context.machine().read_text("/proc/device-tree/compatible", 4096);
  if (compatible) return pass();
  Problem problem;
  problem.evidence = {compatible.error().message};
  if (context.container().kind == host::ContainerKind::kKubernetes) {
    problem.remedy.text =
        "only if Rockchip's Python toolkit, Frigate or RKLLM is used: set procMount: "
        "Unmasked (with hostUsers: false) in the pod";
  } else {
    problem.remedy.text =
        "only if Rockchip's Python toolkit, Frigate or RKLLM is used: start the "
        "container without these masks";
    problem.remedy.commands = {
        "docker run --security-opt systempaths=unconfined --security-opt apparmor=unconfined ..."};
  }
  return fail(std::move(problem));
}

Verdict check_dma_heap(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty()) return skip("there is no device of this driver");
  const host::Machine& machine = context.machine();
  if (!machine.list("/dev/dma_heap").empty()) return pass();
  Problem problem;
  problem.evidence = {"/dev/dma_heap: not there"};
  if (context.container()) {
    problem.cause = "the container has no /dev/dma_heap, which RGA and zero-copy buffers need";
    problem.remedy = pass_devices(context, {"/dev/dma_heap/system"});
  } else if (auto option = host::kernel_option(machine, "CONFIG_DMABUF_HEAPS")) {
    problem.evidence.push_back(
        option->source + ": CONFIG_DMABUF_HEAPS=" + (option->value.empty() ? "n" : option->value));
  }
  return fail(std::move(problem));
}

Verdict check_rga(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  const std::string node = "/dev/rga";
  if (facts.devices.empty() || !context.machine().exists(node)) return skip("there is no /dev/rga");
  if (context.machine().may_open(node)) return pass();
  return fail(Problem{{},
                      {describe_node(context.machine(), node)},
                      {},
                      join_group(context, node, "KERNEL==\"rga\"")});
}

}  // namespace anynpu::npu::rknpu
