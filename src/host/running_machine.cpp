// SPDX-License-Identifier: Apache-2.0
// The machine that this process runs on.
#include "host/running_machine.h"

#include <mutex>

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "host/bounded.h"
#include "host/door.h"
#include "host/elf.h"
#include "host/files.h"
#include "host/kernel_log.h"

namespace anynpu::host {
namespace {

class RunningMachine : public Machine {
 public:
  Result<std::string> read_text(const std::string& path, std::size_t most_bytes) const override {
    return in_time<std::string>(path, [=] { return anynpu::read_text(path, most_bytes); });
  }
  Result<std::string> read_tail(const std::string& path, std::size_t most_bytes) const override {
    return in_time<std::string>(path, [=] { return anynpu::read_tail(path, most_bytes); });
  }
  Result<std::vector<std::string>> names(const std::string& path) const override {
    return names_in(path, kMostNames);
  }
  Result<std::string> read_link(const std::string& path) const override { return link_text(path); }
  Result<Node> stat(const std::string& path) const override { return node_at(path); }
  Result<Node> lstat(const std::string& path) const override { return link_at(path); }
  bool may_open(const std::string& path) const override {
    return ::faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) == 0;
  }

  Identity identity() const override {
    Identity identity{::geteuid(), {::getegid()}};
    int count = ::getgroups(0, nullptr);
    if (count <= 0) return identity;
    std::vector<gid_t> more(static_cast<std::size_t>(count));
    count = ::getgroups(count, more.data());
    for (int i = 0; i < count; ++i)
      if (more[static_cast<std::size_t>(i)] != identity.groups.front())
        identity.groups.push_back(more[static_cast<std::size_t>(i)]);
    return identity;
  }

  KernelLog kernel_log() const override {
    std::call_once(log_read_, [this] { log_ = read_kernel_log(); });
    return log_;
  }
  std::string architecture() const override {
    utsname name{};
    return ::uname(&name) == 0 ? name.machine : "";
  }
  std::chrono::system_clock::time_point now() const override {
    return std::chrono::system_clock::now();
  }
  Result<ElfFacts> elf(const std::string& path,
                       std::span<const std::string_view> wanted) const override {
    std::vector<std::string> kept(wanted.begin(), wanted.end());
    return in_time<ElfFacts>(path, [=] {
      std::vector<std::string_view> views(kept.begin(), kept.end());
      return elf_facts_of_file(path, views);
    });
  }
  Result<std::string> digest(const std::string& path, const Digest& wanted) const override {
    return in_time<std::string>(path, [=] { return digest_of_file(path, wanted); });
  }
  Result<std::string> ask(const std::string& node, const Asked& asked) const override {
    if (asked.question == Question::kAmdxdnaStuck)
      return ask_driver(node, asked, milliseconds(2700));
    return ask_driver(node, asked);
  }

 private:
  /// `read` owns all that it touches: a driver's file may block it for ever.
  template <typename T, typename Read>
  Result<T> in_time(const std::string& path, Read read) const {
    auto answer = std::make_shared<Result<T>>(Error{});
    if (bounded_.run([answer, read] { *answer = read(); })) return std::move(*answer);
    return Error{Code::kTimeout, path + ": reading it takes too long", ETIMEDOUT};
  }

  mutable Bounded bounded_;
  mutable std::once_flag log_read_;
  mutable KernelLog log_;
};

}  // namespace

std::string_view to_string(NodeKind kind) {
  switch (kind) {
    case NodeKind::kFile:
      return "file";
    case NodeKind::kFolder:
      return "folder";
    case NodeKind::kLink:
      return "link";
    case NodeKind::kCharacterDevice:
      return "char";
    case NodeKind::kBlockDevice:
      return "block";
    case NodeKind::kFifo:
      return "fifo";
    case NodeKind::kSocket:
      return "socket";
    case NodeKind::kOther:
      break;
  }
  return "other";
}

std::unique_ptr<Machine> machine_of_this_process() {
  return std::make_unique<RunningMachine>();
}

}  // namespace anynpu::host
