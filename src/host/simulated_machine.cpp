// SPDX-License-Identifier: Apache-2.0
// A machine that is described: by a manifest, by a tree of files, or by both, one laid over the
// other.
//
// The kernel must not resolve the tree's symbolic links: an absolute one, or one with enough "..",
// would leave the tree and mix the running machine into the answer. So every path is walked here,
// with the tree's folder as "/", and the kernel gets paths that hold no link any more.
#include <algorithm>
#include <deque>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "host/elf.h"
#include "host/files.h"
#include "host/manifest.h"

namespace anynpu::host {
namespace {

constexpr int kMostLinks = 40;  // as Linux has it

class SimulatedMachine : public Machine {
 public:
  SimulatedMachine(MachineDescription description, std::string folder)
      : described_(std::move(description)), folder_(std::move(folder)) {}

  Result<std::string> read_text(const std::string& path, std::size_t most_bytes) const override {
    return read(path, [&](const Entry* entry, const std::string& file) -> Result<std::string> {
      if (entry == nullptr) return anynpu::read_text(file, most_bytes);
      if (entry->content.size() > most_bytes)
        return Error{Code::kTooLarge,
                     path + ": is larger than the limit of " + human_bytes(most_bytes)};
      return entry->content;
    });
  }
  Result<std::string> read_tail(const std::string& path, std::size_t most_bytes) const override {
    return read(path, [&](const Entry* entry, const std::string& file) {
      return entry == nullptr ? anynpu::read_tail(file, most_bytes)
                              : Result<std::string>(tail_of(entry->content, most_bytes));
    });
  }

  Result<std::vector<std::string>> names(const std::string& path) const override {
    ANYNPU_TRY(real, resolve(path, true));
    const Entry* entry = find(real);
    if (entry != nullptr) {
      ANYNPU_CHECK(readable(path, *entry));
      if (entry->node.kind != NodeKind::kFolder) return system_error(path, ENOTDIR);
    }
    std::set<std::string> all;
    bool there = entry != nullptr;
    std::string prefix = real + "/";
    for (auto below = described_.entries.lower_bound(prefix);
         below != described_.entries.end() && below->first.starts_with(prefix); ++below) {
      all.insert(below->first.substr(prefix.size(),
                                     below->first.find('/', prefix.size()) - prefix.size()));
      there = true;
    }
    if (!folder_.empty()) {
      auto found = names_in(folder_ + real, kMostNames);
      if (found)
        all.insert(found->begin(), found->end());
      else if (!there)
        return renamed(std::move(found), real, path);
      if (real.empty()) all.erase("machine.manifest"), all.erase("machine.json");
    } else if (!there && !real.empty()) {
      return system_error(path, ENOENT);
    }
    std::vector<std::string> sorted(all.begin(), all.end());
    if (sorted.size() > kMostNames) sorted.resize(kMostNames);
    return sorted;
  }

  Result<std::string> read_link(const std::string& path) const override {
    ANYNPU_TRY(real, resolve(path, false));
    if (const Entry* entry = find(real)) {
      if (entry->failure != 0) return system_error(path, entry->failure);
      if (entry->node.kind != NodeKind::kLink) return system_error(path, EINVAL);
      return entry->target;
    }
    if (folder_.empty()) return system_error(path, is_implied_folder(real) ? EINVAL : ENOENT);
    return renamed(link_text(folder_ + real), real, path);
  }

  Result<Node> stat(const std::string& path) const override { return look(path, true); }
  Result<Node> lstat(const std::string& path) const override { return look(path, false); }

  bool may_open(const std::string& path) const override {
    auto real = resolve(path, true);
    if (!real) return false;
    if (const Entry* entry = find(*real); entry != nullptr && entry->access) return *entry->access;
    auto node = look(path, true);
    return node && modes_allow(*node, described_.identity, true);
  }

  Identity identity() const override { return described_.identity; }

  KernelLog kernel_log() const override {
    KernelLog log;
    if (!described_.log_missing.empty()) {
      log.why_not = described_.log_missing;
    } else {
      log.source = "/dev/kmsg";
      log.cut = described_.log.size() > kMostLogLines;
      log.lines.assign(log.cut ? described_.log.end() - kMostLogLines : described_.log.begin(),
                       described_.log.end());
    }
    return log;
  }

  std::string architecture() const override { return described_.architecture; }
  std::chrono::system_clock::time_point now() const override {
    return std::chrono::system_clock::time_point(std::chrono::seconds(described_.now));
  }

  Result<ElfFacts> elf(const std::string& path,
                       std::span<const std::string_view> wanted) const override {
    ANYNPU_TRY(real, resolve(path, true));
    const Entry* entry = find(real);
    if (entry == nullptr) {
      if (folder_.empty()) return system_error(path, ENOENT);
      return renamed(elf_facts_of_file(folder_ + real, wanted), real, path);
    }
    ANYNPU_CHECK(readable(path, *entry));
    if (!entry->elf) {
      auto facts = parse_elf(entry->content, wanted);
      if (!facts) return Error(facts.error()).within(path);
      return facts;
    }
    ElfFacts facts = *entry->elf;
    std::erase_if(facts.texts, [&](const std::string& text) {
      return std::none_of(wanted.begin(), wanted.end(),
                          [&](std::string_view begin) { return text.starts_with(begin); });
    });
    return facts;
  }

  Result<std::string> digest(const std::string& path, const Digest& wanted) const override {
    ANYNPU_TRY(real, resolve(path, true));
    const Entry* entry = find(real);
    if (entry == nullptr) {
      if (folder_.empty()) return system_error(path, ENOENT);
      // What it says of itself names it by the machine's path.
      const Digest renaming{wanted.name, [&](std::span<const std::byte> bytes, const std::string&) {
                              return wanted.make(bytes, path);
                            }};
      return renamed(digest_of_file(folder_ + real, renaming), real, path);
    }
    ANYNPU_CHECK(readable(path, *entry));
    if (entry->node.kind != NodeKind::kFile)
      return Error{Code::kInvalid, path + ": is not a regular file"};
    if (auto known = entry->digests.find(wanted.name); known != entry->digests.end())
      return known->second;
    return bounded_digest(path, wanted.make(std::as_bytes(std::span(entry->content)), path));
  }

  Result<std::string> ask(const std::string& path, const Asked& asked) const override {
    ANYNPU_TRY(real, resolve(path, true));
    ANYNPU_TRY(node, look(path, true));
    if (node.kind != NodeKind::kCharacterDevice)
      return Error{Code::kInvalid, path + ": is no character device"};
    if (!may_open(path)) return system_error(path, EACCES);
    // Who cannot open it gets no answer to any question.
    for (const Asked& question : {Asked{}, asked}) {
      auto found = described_.answers.find(answer_key(real, question));
      if (found == described_.answers.end()) continue;
      if (found->second.failure != 0) {
        Error error = system_error(path, found->second.failure);
        if (found->second.failure == ETIMEDOUT) error.code = Code::kTimeout;
        return error;
      }
      if (question.question == asked.question) return found->second.text;
    }
    if (asked.question == Question::kOpen || asked.question == Question::kAmdxdnaStuck)
      return std::string();
    return system_error(path, ENOTTY);
  }

 private:
  /// A regular file, by `how` from what describes it, or from the tree's file.
  template <typename How>
  Result<std::string> read(const std::string& path, How how) const {
    ANYNPU_TRY(real, resolve(path, true));
    if (const Entry* entry = find(real)) {
      ANYNPU_CHECK(readable(path, *entry));
      if (entry->node.kind == NodeKind::kFolder)
        return Error{Code::kInvalid, path + ": is a folder, not a file"};
      if (entry->node.kind != NodeKind::kFile)
        return Error{Code::kInvalid, path + ": is not a regular file"};
      return how(entry, real);
    }
    if (is_implied_folder(real)) return Error{Code::kInvalid, path + ": is a folder, not a file"};
    if (folder_.empty()) return system_error(path, ENOENT);
    return renamed(how(nullptr, folder_ + real), real, path);
  }
  const Entry* find(const std::string& real) const {
    auto found = described_.entries.find(real);
    return found == described_.entries.end() ? nullptr : &found->second;
  }
  bool is_implied_folder(const std::string& real) const {
    std::string prefix = real + "/";
    auto below = described_.entries.lower_bound(prefix);
    return below != described_.entries.end() && below->first.starts_with(prefix);
  }
  Result<> readable(const std::string& path, const Entry& entry) const {
    if (entry.failure != 0) return system_error(path, entry.failure);
    if (!modes_allow(entry.node, described_.identity, false)) return system_error(path, EACCES);
    return {};
  }
  /// Errors name the machine's path, not the folder's.
  template <typename T>
  Result<T> renamed(Result<T> result, const std::string& real, const std::string& path) const {
    if (result) return result;
    Error error = std::move(result).error();
    std::string own = folder_ + real;
    if (error.message.starts_with(own)) error.message = path + error.message.substr(own.size());
    return error;
  }
  Result<Node> look(const std::string& path, bool follow) const {
    ANYNPU_TRY(real, resolve(path, follow));
    if (const Entry* entry = find(real)) {
      if (entry->failure != 0) return system_error(path, entry->failure);
      return entry->node;
    }
    if (is_implied_folder(real)) return Node{NodeKind::kFolder, 0755, 0, 0, 0, 0};
    if (folder_.empty()) {
      if (real.empty()) return Node{NodeKind::kFolder, 0755, 0, 0, 0, 0};
      return system_error(path, ENOENT);
    }
    return renamed(follow ? node_at(folder_ + real) : link_at(folder_ + real), real, path);
  }
  Result<std::string> target_of(const std::string& real) const {
    if (const Entry* entry = find(real)) {
      if (entry->node.kind == NodeKind::kLink && entry->failure == 0) return entry->target;
      return Error{Code::kInvalid, real};
    }
    if (folder_.empty()) return Error{Code::kNotFound, real};
    return link_text(folder_ + real);
  }

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
      auto target = last && !follow_last ? Result<std::string>(Error{}) : target_of(next);
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

  MachineDescription described_;
  std::string folder_;
};

}  // namespace

std::unique_ptr<Machine> simulated_machine(MachineDescription description, std::string folder) {
  return std::make_unique<SimulatedMachine>(std::move(description), std::move(folder));
}

bool modes_allow(const Node& node, const Identity& identity, bool write) {
  if (identity.uid == 0) return true;
  unsigned shift = 0;
  if (node.uid == identity.uid)
    shift = 6;
  else if (std::find(identity.groups.begin(), identity.groups.end(), node.gid) !=
           identity.groups.end())
    shift = 3;
  unsigned needed = write ? 06U : 04U;
  return ((node.permissions >> shift) & needed) == needed;
}

}  // namespace anynpu::host
