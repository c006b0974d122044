// SPDX-License-Identifier: Apache-2.0
// Which processes have a device node open.
#include "npu/holders.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace anynpu::npu {
namespace {

constexpr std::size_t kMostLinks = 100000;

std::uint64_t file_limit(const host::Machine& machine, const std::string& folder) {
  auto text = machine.read_text(folder + "/limits", 64 << 10);
  if (!text) return 0;
  constexpr std::string_view kName = "Max open files";
  std::size_t at = text->find(kName);
  if (at == std::string::npos) return 0;
  std::string_view rest = trim(std::string_view(*text).substr(at + kName.size(), 80));
  std::uint64_t limit = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), limit);
  return limit;
}

char state_of(const host::Machine& machine, const std::string& folder) {
  auto text = machine.read_text(folder + "/stat", 4096);
  if (!text) return '?';
  std::size_t end = text->rfind(')');  // of the name, which may hold anything
  return end != std::string::npos && end + 2 < text->size() ? (*text)[end + 2] : '?';
}

}  // namespace

Holders find_holders(const host::Machine& machine, const std::vector<std::string>& nodes) {
  Holders holders;
  std::size_t links = 0;
  if (nodes.empty()) return holders;
  const std::vector<std::string> names = machine.list("/proc");
  holders.cut = names.size() >= host::Machine::kMostNames;
  for (const std::string& name : names) {
    int pid = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    std::string folder = "/proc/" + name;
    auto descriptors = machine.names(folder + "/fd");
    if (!descriptors) {
      holders.hidden += descriptors.error().code == Code::kPermission;
      continue;
    }
    holders.cut = holders.cut || descriptors->size() >= host::Machine::kMostNames;
    Holder holder;
    for (const std::string& descriptor : *descriptors) {
      if (++links > kMostLinks) {
        holders.cut = true;
        return holders;
      }
      auto target = machine.read_link(folder + "/fd/" + descriptor);
      if (!target || std::find(nodes.begin(), nodes.end(), *target) == nodes.end()) continue;
      holder.files.push_back(folder + "/fdinfo/" + descriptor);
      if (std::find(holder.nodes.begin(), holder.nodes.end(), *target) == holder.nodes.end())
        holder.nodes.push_back(*target);
    }
    if (holder.nodes.empty()) continue;
    holder.pid = pid;
    holder.open_files = descriptors->size();
    holder.most_files = file_limit(machine, folder);
    holder.state = state_of(machine, folder);
    if (auto command = machine.read_text(folder + "/comm", 4096))
      holder.command = printable(trim(*command), 40);
    holders.found.push_back(std::move(holder));
  }
  return holders;
}

}  // namespace anynpu::npu
