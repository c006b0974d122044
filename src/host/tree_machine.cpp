// SPDX-License-Identifier: Apache-2.0
// A machine that is a tree of files.
//
// The kernel must not resolve the tree's symbolic links: an absolute one, or one with enough "..",
// would leave the tree and mix the running machine into the answer. So every path is walked here,
// with the tree's folder as "/", and the kernel gets paths that hold no link any more.
#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "host/files.h"
#include "host/machine.h"

namespace anynpu::host {
namespace {

constexpr int kMostLinks = 40;  // as Linux has it

class TreeMachine : public Machine {
 public:
  TreeMachine(std::string folder, TreeDescription description)
      : folder_(std::move(folder)), identity_(std::move(description.identity)) {
    for (auto& [path, node] : description.nodes) nodes_.emplace(path, node);
  }

  Result<std::string> read_text(const std::string& path, std::size_t most_bytes) const override {
    ANYNPU_TRY(real, resolve(path, true));
    return anynpu::read_text(folder_ + real, most_bytes);
  }

  std::vector<std::string> list(const std::string& path) const override {
    auto real = resolve(path, true);
    if (!real) return {};
    std::vector<std::string> found = names_in(folder_ + *real, kMostNames);
    std::set<std::string> names(found.begin(), found.end());
    std::string prefix = *real + "/";
    for (const auto& [node, info] : nodes_)
      if (node.starts_with(prefix))
        names.insert(node.substr(prefix.size(), node.find('/', prefix.size()) - prefix.size()));
    std::vector<std::string> sorted(names.begin(), names.end());
    if (sorted.size() > kMostNames) sorted.resize(kMostNames);
    return sorted;
  }

  Result<std::string> read_link(const std::string& path) const override {
    ANYNPU_TRY(real, resolve(path, false));
    return link_text(folder_ + real);
  }

  Result<Node> stat(const std::string& path) const override {
    ANYNPU_TRY(real, resolve(path, true));
    auto described = nodes_.find(real);
    if (described != nodes_.end()) return described->second;
    return node_at(folder_ + real);
  }

  Identity identity() const override { return identity_; }

 private:
  /// The path inside the tree without links, "" for the root. Parts that do not exist stay as they
  /// are.
  Result<std::string> resolve(const std::string& path, bool follow_last) const {
    std::deque<std::string> todo;
    for (std::string& part : split(path, '/')) todo.push_back(std::move(part));
    std::string real;
    int links = 0;
    while (!todo.empty()) {
      std::string part = std::move(todo.front());
      todo.pop_front();
      if (part.empty() || part == ".") continue;
      if (part == "..") {
        real.erase(std::min(real.size(), real.rfind('/')));
        continue;
      }
      std::string next = real + "/" + part;
      bool last = std::all_of(todo.begin(), todo.end(),
                              [](const std::string& rest) { return rest.empty(); });
      auto target = last && !follow_last ? Result<std::string>(Error{}) : link_text(folder_ + next);
      if (!target) {
        real = std::move(next);
        continue;
      }
      if (++links > kMostLinks) return system_error(path, ELOOP);
      if (target->starts_with('/')) real.clear();
      std::vector<std::string> parts = split(*target, '/');
      todo.insert(todo.begin(), parts.begin(), parts.end());
    }
    return real;
  }

  std::string folder_;
  Identity identity_;
  std::map<std::string, Node> nodes_;
};

}  // namespace

Result<std::unique_ptr<Machine>> machine_of_tree(const std::filesystem::path& folder) {
  auto info = node_at(folder.string());
  if (!info) return info.error();
  if (info->kind != NodeKind::kFolder)
    return Error{Code::kInvalid, folder.string() + ": is not a folder"}.with_hint(
        "name the folder that stands for the machine's root, the one that holds proc, sys and dev");
  TreeDescription description;
  std::filesystem::path file = folder / "machine.json";
  if (node_at(file.string())) {
    ANYNPU_TRY(text, anynpu::read_text(file, Machine::kMostText));
    auto parsed = parse_tree_description(text);
    if (!parsed) return Error(parsed.error()).within(file.string());
    description = std::move(*parsed);
  }
  return std::make_unique<TreeMachine>(folder.string(), std::move(description));
}

}  // namespace anynpu::host
