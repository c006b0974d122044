// SPDX-License-Identifier: Apache-2.0
// A machine that remembers all that it was asked.
//
// A question about a path is remembered about the place that the path leads to, together with the
// links on the way, because the same place may be asked about by several paths.
#include "host/recorder.h"

#include <algorithm>
#include <cerrno>
#include <deque>

#include "base/text.h"

namespace anynpu::host {
namespace {

constexpr int kMostSteps = 400;
constexpr std::size_t kNoElfHead = 256;

bool is_absent(const Error& error) {
  return error.code == Code::kNotFound;
}

}  // namespace

MachineDescription Recorder::description() const {
  MachineDescription description = described_;
  description.architecture = machine_.architecture();
  description.identity = machine_.identity();
  description.now =
      std::chrono::duration_cast<std::chrono::seconds>(machine_.now().time_since_epoch()).count();
  if (!log_asked_) description.log_missing = "no check asked for it";
  // A file below one that could not be looked at was still there.
  std::erase_if(description.entries, [](const auto& item) {
    return item.second.node.kind == NodeKind::kOther && item.second.failure == 0;
  });
  return description;
}

std::string Recorder::resolve(const std::string& path, bool follow_last) const {
  std::deque<std::string> todo;
  for (std::string& part : split(path, '/')) todo.push_back(std::move(part));
  std::string real;
  for (int steps = 0; !todo.empty() && steps < kMostSteps; ++steps) {
    std::string part = std::move(todo.front());
    todo.pop_front();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      real.erase(std::min(real.size(), real.rfind('/')));
      continue;
    }
    std::string next = real + "/" + part;
    bool last =
        std::all_of(todo.begin(), todo.end(), [](const std::string& rest) { return rest.empty(); });
    auto known = links_.find(next);
    if (known == links_.end()) {
      auto target = machine_.read_link(next);
      known = links_.emplace(next, target ? *target : std::string()).first;
      if (target) {
        entry(next).node = {NodeKind::kLink, 0777, 0, 0, 0, 0};
        entry(next).target = *target;
      }
    }
    if (known->second.empty() || (last && !follow_last)) {
      real = std::move(next);
      continue;
    }
    if (known->second.starts_with('/')) real.clear();
    std::vector<std::string> parts = split(known->second, '/');
    todo.insert(todo.begin(), parts.begin(), parts.end());
  }
  return real;
}

void Recorder::keep_node(const std::string& path, bool follow) const {
  auto node = follow ? machine_.stat(path) : machine_.lstat(path);
  if (!node) return keep_failure(path, node.error());
  std::string real = resolve(path, follow);
  if (!real.empty()) entry(real).node = *node;
}

void Recorder::keep_failure(const std::string& path, const Error& error) const {
  if (is_absent(error) || error.system_errno == 0) return;
  std::string real = resolve(path, true);
  if (!real.empty()) entry(real).failure = error.system_errno;
}

Result<std::string> Recorder::read_text(const std::string& path, std::size_t most_bytes) const {
  return keep_text(path, machine_.read_text(path, most_bytes));
}

// The end stands for the whole file.
Result<std::string> Recorder::read_tail(const std::string& path, std::size_t most_bytes) const {
  return keep_text(path, machine_.read_tail(path, most_bytes));
}

Result<std::string> Recorder::keep_text(const std::string& path, Result<std::string> text) const {
  if (!text && is_absent(text.error())) return text;
  keep_node(path, true);
  std::string real = resolve(path, true);
  if (real.empty()) return text;
  if (text)
    entry(real).content = *text;
  else if (text.error().code == Code::kTooLarge)
    entry(real).failure = EFBIG;
  else
    keep_failure(path, text.error());
  return text;
}

Result<std::vector<std::string>> Recorder::names(const std::string& path) const {
  auto found = machine_.names(path);
  if (!found) {
    keep_failure(path, found.error());
    return found;
  }
  keep_node(path, true);
  for (const std::string& name : *found) {
    std::string below = resolve(path, true) + "/" + name;
    keep_node(below, false);
    resolve(below, false);  // remembers what a link says
  }
  return found;
}

Result<std::string> Recorder::read_link(const std::string& path) const {
  auto target = machine_.read_link(path);
  if (target)
    resolve(path, false);
  else if (!is_absent(target.error()))
    keep_node(path, false);
  return target;
}

Result<Node> Recorder::stat(const std::string& path) const {
  keep_node(path, true);
  return machine_.stat(path);
}

Result<Node> Recorder::lstat(const std::string& path) const {
  keep_node(path, false);
  return machine_.lstat(path);
}

bool Recorder::may_open(const std::string& path) const {
  bool may = machine_.may_open(path);
  auto node = machine_.stat(path);
  if (!node) return may;
  keep_node(path, true);
  if (may != modes_allow(*node, machine_.identity(), true)) entry(resolve(path, true)).access = may;
  return may;
}

KernelLog Recorder::kernel_log() const {
  KernelLog log = machine_.kernel_log();
  log_asked_ = true;
  described_.log = log.lines;
  described_.log_missing = log.readable() ? "" : log.why_not;
  return log;
}

Result<ElfFacts> Recorder::elf(const std::string& path,
                               std::span<const std::string_view> wanted) const {
  auto facts = machine_.elf(path, wanted);
  if (!facts && is_absent(facts.error())) {
    resolve(path, true);
    return facts;
  }
  keep_node(path, true);
  Entry& kept = entry(resolve(path, true));
  if (!facts) {
    keep_failure(path, facts.error());
    auto text = machine_.read_text(path);
    if (text) kept.content = text->substr(0, kNoElfHead);
    return facts;
  }
  std::vector<std::string> texts = kept.elf ? kept.elf->texts : std::vector<std::string>();
  kept.elf = *facts;
  for (std::string& text : texts)
    if (std::find(kept.elf->texts.begin(), kept.elf->texts.end(), text) == kept.elf->texts.end())
      kept.elf->texts.push_back(std::move(text));
  return facts;
}

Result<std::string> Recorder::digest(const std::string& path, const Digest& wanted) const {
  auto text = machine_.digest(path, wanted);
  if (!text && is_absent(text.error())) {
    resolve(path, true);
    return text;
  }
  keep_node(path, true);
  if (text)
    entry(resolve(path, true)).digests[wanted.name] = *text;
  else
    keep_failure(path, text.error());
  return text;
}

Result<std::string> Recorder::ask(const std::string& node, const Asked& asked) const {
  auto answer = machine_.ask(node, asked);
  keep_node(node, true);
  std::string real = resolve(node, true);
  if (answer) {
    described_.answers[answer_key(real, asked)] = {*answer, 0};
  } else if (answer.error().system_errno != ENOENT) {  // ENODEV is a driver's answer
    int number = answer.error().code == Code::kTimeout ? ETIMEDOUT : answer.error().system_errno;
    if (number != 0) described_.answers[answer_key(real, asked)] = {{}, number};
  }
  return answer;
}

}  // namespace anynpu::host
