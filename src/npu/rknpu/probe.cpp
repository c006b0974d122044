// SPDX-License-Identifier: Apache-2.0
// Rockchip NPUs under the vendor kernel's driver.
//
// The driver comes in two builds: one makes DRM nodes (a card and a render node whose numbers are
// not fixed), the other one /dev/rknpu. Both bind to the platform driver "RKNPU", and the device's
// uevent names the SoC even in a container that hides the device tree.
#include "npu/rknpu/probe.h"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "host/environment.h"
#include "npu/readiness.h"
#include "npu/sysfs.h"

namespace anynpu::npu::rknpu {
namespace {

struct Soc {
  std::string_view name;
  int cores;
};
// Longer names first: "rk3588s" is an rk3588. Cores as the driver's masks have them.
constexpr std::array<Soc, 10> kSocs = {{{"rk3588", 3},
                                        {"rk3583", 2},
                                        {"rk3582", 2},
                                        {"rk3576", 2},
                                        {"rk3568", 1},
                                        {"rk3566", 1},
                                        {"rk3562", 1},
                                        {"rv1126b", 1},
                                        {"rv1106", 1},
                                        {"rv1103", 1}}};

const Soc* soc_of(const std::vector<std::string>& compatible) {
  for (const std::string& entry : compatible)
    for (const Soc& soc : kSocs)
      if (entry.starts_with("rockchip," + std::string(soc.name))) return &soc;
  return nullptr;
}

std::string upper(std::string_view word) {
  std::string text(word);
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

Device device_for(const Soc* soc) {
  Device device;
  device.family = "rknpu";
  device.title = soc == nullptr ? "Rockchip NPU" : "Rockchip " + upper(soc->name) + " NPU";
  device.cores = soc == nullptr ? 0 : soc->cores;
  return device;
}

bool is_rknpu(std::string_view driver) {
  return to_lower(driver) == "rknpu";
}

// The DRM nodes of the driver, by the platform device they hang on: {"fdab0000.npu": {"card1",
// ...}}.
std::map<std::string, std::vector<std::string>> drm_nodes(const host::Machine& machine) {
  std::map<std::string, std::vector<std::string>> nodes;
  for (const std::string& name : machine.list("/sys/class/drm")) {
    bool node = name.find('-') == std::string::npos &&  // "card0-HDMI-A-1" is a connector
                (name.starts_with("card") || name.starts_with("renderD"));
    if (!node) continue;
    std::string device = "/sys/class/drm/" + name + "/device";
    if (is_rknpu(link_name(machine, device + "/driver")) ||
        is_rknpu(uevent_value(machine, device + "/uevent", "DRIVER")))
      nodes[link_name(machine, device)].push_back(name);
  }
  return nodes;
}

bool has_compatible_ending(const TreeNode& node, std::string_view ending) {
  return std::any_of(node.compatible.begin(), node.compatible.end(),
                     [&](const std::string& entry) { return entry.ends_with(ending); });
}

NodeFindings node_findings(const host::Machine& machine) {
  return {host::container(machine) ? "RK-CONTAINER-NODE" : "RK-NODE-MISSING", "RK-NODE-PERM"};
}

}  // namespace

std::vector<Device> probe(const host::Machine& machine) {
  std::vector<Device> devices;
  std::vector<std::string> board = machine_compatible(machine);
  for (const auto& [platform, names] : drm_nodes(machine)) {
    std::string folder = "/sys/class/drm/" + names.front() + "/device";
    std::string own = uevent_value(machine, folder + "/uevent", "OF_COMPATIBLE_0");
    const Soc* soc = soc_of(board);
    if (soc == nullptr) soc = soc_of({own});
    Device device = device_for(soc);
    device.evidence.push_back(folder + ": driver RKNPU" + (own.empty() ? "" : ", " + own));
    std::vector<std::string> paths;
    for (const std::string& name : names) {
      paths.push_back("/dev/dri/" + name);
      device.evidence.push_back(describe_node(machine, paths.back()));
    }
    judge_nodes(machine, device, paths, node_findings(machine));
    device.system_path = host::real_path(machine, folder);
    devices.push_back(std::move(device));
  }
  auto node = machine.stat("/dev/rknpu");
  if (devices.empty() && node && node->kind == host::NodeKind::kCharacterDevice) {
    Device device = device_for(soc_of(board));
    device.evidence.push_back(describe_node(machine, "/dev/rknpu"));
    judge_nodes(machine, device, {"/dev/rknpu"}, node_findings(machine));
    devices.push_back(std::move(device));
  }
  for (const TreeNode& tree : npu_nodes_of_device_tree(machine)) {
    if (!devices.empty() || !has_compatible_ending(tree, "-rknpu")) continue;
    Device device = device_for(soc_of(tree.compatible));
    device.reason =
        tree.enabled
            ? "named by the device tree, but the kernel's driver has made no device node for it"
            : "disabled in the device tree";
    device.hint = tree.enabled ? "boot the vendor's kernel, which has the rknpu driver"
                               : "enable the NPU with the board's overlay tool and reboot";
    if (!tree.enabled) device.finding = "RK-DT-DISABLED";
    device.evidence.push_back(tree.path + "/compatible: " + join(tree.compatible, ", "));
    devices.push_back(std::move(device));
  }
  for (std::size_t i = 0; i < devices.size(); ++i) {
    devices[i].id = fmt::format("rknpu{}", i);
    devices[i].index = static_cast<int>(i);
  }
  return devices;
}

}  // namespace anynpu::npu::rknpu
