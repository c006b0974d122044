// SPDX-License-Identifier: Apache-2.0
// What the checks of Rockchip's vendor stack look at.
#include "npu/rknpu/facts.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"

namespace anynpu::npu::rknpu {
namespace {

bool is_of_vendor(const TreeNode& node) {
  return std::any_of(node.compatible.begin(), node.compatible.end(), [](const std::string& entry) {
    return entry.starts_with("rockchip,") && entry.ends_with("rknpu");
  });
}

bool is_of_mainline(const TreeNode& node) {
  return std::any_of(node.compatible.begin(), node.compatible.end(),
                     [](const std::string& entry) { return entry.ends_with("-rknn-core"); });
}

/// Without waking the device: the module's own file, the kernel log, and only then the driver
/// itself.
void find_driver_version(const CheckContext& context, Facts& facts) {
  facts.driver_source = "/sys/module/rknpu/version";
  facts.driver_version = host::module(context.machine(), "rknpu").version;
  if (!facts.driver_version.empty()) return;
  for (std::string_view mark : {"Initialized rknpu ", "Initialized RKNPU driver: v"}) {
    for (const std::string& line : host::log_lines(context.kernel_log(), mark, 1)) {
      std::string_view rest = std::string_view(line).substr(line.find(mark) + mark.size());
      facts.driver_version = rest.substr(0, rest.find(' '));
      facts.driver_source = context.kernel_log().source;
    }
    if (!facts.driver_version.empty()) return;
  }
  for (const Device& device : facts.devices) {
    if (sleeps(context.machine(), device.system_path)) continue;  // any ioctl wakes it
    for (const std::string& node : device.nodes) {
      if (!context.machine().may_open(node)) continue;
      auto answer = context.machine().ask(node, {host::Question::kDrmVersion});
      if (!answer) continue;
      std::vector<std::string> words = split(*answer, '\t');
      if (words.size() > 1 && words[0] == "rknpu") {
        facts.driver_version = words[1];
        facts.driver_source = node;
        return;
      }
    }
  }
}

}  // namespace

std::string Facts::soc() const {
  for (const std::string& entry : board) {
    if (!entry.starts_with("rockchip,r")) continue;
    std::string name = entry.substr(9);
    // "rk3588s" and "rk3588j" are rk3588s of another package or temperature; "rv1126b" is not
    // rv1126.
    std::size_t digits = 2;
    while (digits < name.size() && std::isdigit(static_cast<unsigned char>(name[digits])) != 0)
      ++digits;
    if (digits < 6) continue;
    return name.starts_with("rv1126b") ? "rv1126b" : name.substr(0, digits);
  }
  return {};
}

bool Facts::driver_older(std::string_view version) const {
  return !driver_version.empty() && compare_versions(driver_version, version) < 0;
}

Facts Facts::read(const CheckContext& context) {
  const host::Machine& machine = context.machine();
  Facts facts;
  facts.board = machine_compatible(machine);
  for (const Device* device : context.devices_of("rknpu"))
    if (!device->nodes.empty()) facts.devices.push_back(*device);
  for (TreeNode& node : npu_nodes_of_device_tree(machine)) {
    facts.rocket = facts.rocket || is_of_mainline(node);
    if (is_of_vendor(node)) facts.tree_nodes.push_back(std::move(node));
  }
  facts.driver = machine.exists("/sys/bus/platform/drivers/RKNPU");
  facts.rocket = facts.rocket || machine.exists("/sys/bus/platform/drivers/rocket");
  if (facts.driver || !facts.devices.empty()) find_driver_version(context, facts);

  constexpr std::string_view kRuntimeVersion[] = {"librknnrt version: "};
  constexpr std::string_view kLlmVersion[] = {"RKLLM SDK (version: "};
  constexpr std::string_view kTeflonFolders[] = {"/usr/lib/teflon", "/usr/local/lib/teflon",
                                                 "/run/opengl-driver/lib"};
  facts.runtime =
      library_copies(machine, "librknnrt.so", "ANYNPU_RKNN", kRuntimeVersion, kRuntimeFolders);
  facts.llm = library_copies(machine, "librkllmrt.so", "", kLlmVersion, kRuntimeFolders);
  facts.teflon = library_copies(machine, "libteflon.so", "ANYNPU_TEFLON", {}, kTeflonFolders);
  return facts;
}

NodeHolders NodeHolders::read(const CheckContext& context) {
  std::vector<std::string> nodes;
  for (const Device& device : context.facts<Facts>().devices)
    nodes.insert(nodes.end(), device.nodes.begin(), device.nodes.end());
  return {find_holders(context.machine(), nodes)};
}

}  // namespace anynpu::npu::rknpu
