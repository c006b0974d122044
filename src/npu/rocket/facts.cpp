// SPDX-License-Identifier: Apache-2.0
// What the checks of Rockchip's mainline stack look at.
#include "npu/rocket/facts.h"

#include <algorithm>

#include "base/text.h"

namespace anynpu::npu::rocket {
namespace {

constexpr std::size_t kMostPackages = 32 << 20;
constexpr std::string_view kTeflonTexts[] = {"Mesa ", "ROCKET_DEBUG", "/dev/accel"};
constexpr std::string_view kTeflonFolders[] = {"/usr/lib/teflon", "/usr/local/lib/teflon",
                                               "/run/opengl-driver/lib"};

bool is_core(const TreeNode& node) {
  return std::any_of(node.compatible.begin(), node.compatible.end(),
                     [](const std::string& entry) { return entry.ends_with("-rknn-core"); });
}

/// The version of an installed Debian package; empty when dpkg does not know it.
std::string package_version(const host::Machine& machine, std::string_view name) {
  auto text = machine.read_text("/var/lib/dpkg/status", kMostPackages);
  if (!text) return {};
  std::string mark = "Package: " + std::string(name) + "\n";
  std::size_t at = text->starts_with(mark) ? 0 : text->find("\n" + mark);
  if (at == std::string::npos) return {};
  std::size_t end = text->find("\n\n", at + 1);
  std::string_view block = std::string_view(*text).substr(at, end - at);
  constexpr std::string_view kVersion = "\nVersion: ";
  std::size_t version = block.find(kVersion);
  if (version == std::string_view::npos) return {};
  block.remove_prefix(version + kVersion.size());
  return std::string(block.substr(0, block.find('\n')));
}

void find_mesa(const CheckContext& context, Facts& facts) {
  const LibraryCopy* first = winner(context.machine(), facts.teflon);
  if (first == nullptr) return;
  // NixOS: /nix/store/HASH-mesa-26.1.5/lib/libteflon.so
  if (std::size_t at = first->real.find("-mesa-"); at != std::string::npos) {
    facts.mesa = mesa_of_package_version(std::string_view(first->real).substr(at + 6));
    facts.mesa_source = first->real;
  } else if (!first->version.empty()) {
    facts.mesa = first->version;
    facts.mesa_source = first->path;
  } else if (first->real.starts_with("/usr/lib/")) {
    facts.mesa =
        mesa_of_package_version(package_version(context.machine(), "mesa-teflon-delegate"));
    facts.mesa_source = "/var/lib/dpkg/status: mesa-teflon-delegate";
  }
}

}  // namespace

std::string mesa_of_package_version(std::string_view version) {
  if (std::size_t epoch = version.find(':'); epoch != std::string_view::npos)
    version.remove_prefix(epoch + 1);
  std::string number(version.substr(0, version.find_first_not_of("0123456789.")));
  while (number.ends_with('.')) number.pop_back();
  return number;
}

bool Facts::is_rk3588() const {
  return std::any_of(board.begin(), board.end(),
                     [](const std::string& entry) { return entry.starts_with("rockchip,rk3588"); });
}

bool Facts::any_core_enabled() const {
  return std::any_of(cores.begin(), cores.end(), [](const TreeNode& core) { return core.enabled; });
}

Facts Facts::read(const CheckContext& context) {
  const host::Machine& machine = context.machine();
  Facts facts;
  facts.board = machine_compatible(machine);
  for (const Device* device : context.devices_of("rocket"))
    if (!device->nodes.empty()) facts.devices.push_back(*device);
  for (TreeNode& node : npu_nodes_of_device_tree(machine)) {
    if (is_core(node))
      facts.cores.push_back(std::move(node));
    else
      facts.vendor = true;
  }
  facts.driver = machine.exists("/sys/bus/platform/drivers/rocket");
  facts.vendor = facts.vendor || machine.exists("/sys/bus/platform/drivers/RKNPU");
  for (const std::string& name : machine.list("/sys/bus/platform/drivers/rocket"))
    if (name.ends_with(".npu")) facts.bound.push_back(name);
  facts.teflon =
      library_copies(machine, "libteflon.so", "ANYNPU_TEFLON", kTeflonTexts, kTeflonFolders);
  facts.rknn = library_copies(machine, "librknnrt.so", "ANYNPU_RKNN", {});
  find_mesa(context, facts);
  return facts;
}

NodeHolders NodeHolders::read(const CheckContext& context) {
  std::vector<std::string> nodes;
  for (const Device& device : context.facts<Facts>().devices)
    nodes.insert(nodes.end(), device.nodes.begin(), device.nodes.end());
  return {find_holders(context.machine(), nodes)};
}

}  // namespace anynpu::npu::rocket
