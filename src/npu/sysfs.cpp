// SPDX-License-Identifier: Apache-2.0
// What several probes read from sysfs and the device tree.
#include "npu/sysfs.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/text.h"
#include "host/environment.h"

namespace anynpu::npu {
namespace {

constexpr std::size_t kMostAttribute = 4096;

// "0x1502", as sysfs writes PCI numbers.
unsigned hexadecimal(std::string_view text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  unsigned value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

// A list of strings with a NUL after each.
std::vector<std::string> string_list(const host::Machine& machine, const std::string& path) {
  std::vector<std::string> words;
  auto text = machine.read_text(path, kMostAttribute);
  if (!text) return words;
  for (const std::string& word : split(*text, '\0'))
    if (!word.empty()) words.push_back(printable(word, 64));
  return words;
}

}  // namespace

std::string link_name(const host::Machine& machine, const std::string& path) {
  auto target = machine.read_link(path);
  if (!target) return {};
  return printable(target->substr(target->rfind('/') + 1), 64);
}

std::string first_line(const host::Machine& machine, const std::string& path) {
  auto text = machine.read_text(path, kMostAttribute);
  if (!text) return {};
  return printable(trim(std::string_view(*text).substr(0, text->find('\n'))));
}

bool sleeps(const host::Machine& machine, const std::string& system_path) {
  return first_line(machine, system_path + "/power/runtime_status") == "suspended";
}

std::string uevent_value(const host::Machine& machine, const std::string& path,
                         std::string_view key) {
  auto text = machine.read_text(path, kMostAttribute);
  if (!text) return {};
  for (const std::string& line : split(*text, '\n'))
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == '=')
      return printable(std::string_view(line).substr(key.size() + 1), 64);
  return {};
}

std::vector<PciFunction> pci_functions(const host::Machine& machine) {
  std::vector<PciFunction> functions;
  const std::string bus = "/sys/bus/pci/devices";
  for (const std::string& address : machine.list(bus)) {
    std::string folder = bus + "/" + address + "/";
    functions.push_back({address, hexadecimal(first_line(machine, folder + "vendor")),
                         hexadecimal(first_line(machine, folder + "device")),
                         hexadecimal(first_line(machine, folder + "revision")),
                         link_name(machine, folder + "driver")});
  }
  return functions;
}

std::vector<AccelNode> accel_nodes(const host::Machine& machine) {
  std::vector<std::string> names = machine.list("/sys/class/accel");
  for (const std::string& name : machine.list("/dev/accel")) names.push_back(name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());

  std::vector<AccelNode> nodes;
  for (const std::string& name : names) {
    if (!name.starts_with("accel")) continue;
    AccelNode node{name, {}, {}};
    std::string device = "/sys/class/accel/" + name + "/device";
    node.driver = link_name(machine, device + "/driver");
    node.source = device + "/driver";
    // rocket's accel device hangs on a platform device without a driver of its own, named "rknn".
    if (node.driver.empty() && (link_name(machine, device) == "rknn" ||
                                first_line(machine, device + "/modalias") == "platform:rknn")) {
      node.driver = "rocket";
      node.source = device;
    }
    nodes.push_back(std::move(node));
  }
  return nodes;
}

std::vector<TreeNode> npu_nodes_of_device_tree(const host::Machine& machine) {
  std::vector<TreeNode> nodes;
  for (const std::string folder : {"/proc/device-tree", "/proc/device-tree/soc"}) {
    for (const std::string& name : machine.list(folder)) {
      if (!name.starts_with("npu@")) continue;
      std::string path = folder + "/" + name;
      std::vector<std::string> status = string_list(machine, path + "/status");
      bool enabled = status.empty() || status.front() == "okay" || status.front() == "ok";
      nodes.push_back({path, string_list(machine, path + "/compatible"), enabled});
    }
  }
  return nodes;
}

std::vector<std::string> machine_compatible(const host::Machine& machine) {
  return string_list(machine, "/proc/device-tree/compatible");
}

std::string describe_node(const host::Machine& machine, const std::string& path) {
  auto node = machine.stat(path);
  if (!node)
    return path + ": " +
           (node.error().code == Code::kNotFound ? "not there" : "cannot be looked at");
  // Groups of people have names that a support bundle leaves out.
  const std::string group = node->gid < 1000 ? host::group_name(machine, node->gid) : "";
  return fmt::format("{}: {} {:04o} uid {} gid {}{}", path, host::to_string(node->kind),
                     node->permissions, node->uid, node->gid,
                     group.empty() ? "" : " (" + group + ")");
}

}  // namespace anynpu::npu
