// SPDX-License-Identifier: Apache-2.0
// The machine that this process runs on.
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "host/files.h"
#include "host/machine.h"

namespace anynpu::host {
namespace {

class RunningMachine : public Machine {
 public:
  Result<std::string> read_text(const std::string& path, std::size_t most_bytes) const override {
    return anynpu::read_text(path, most_bytes);
  }
  std::vector<std::string> list(const std::string& path) const override {
    return names_in(path, kMostNames);
  }
  Result<std::string> read_link(const std::string& path) const override { return link_text(path); }
  Result<Node> stat(const std::string& path) const override { return node_at(path); }

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
};

}  // namespace

std::string_view to_string(NodeKind kind) {
  switch (kind) {
    case NodeKind::kFile:
      return "file";
    case NodeKind::kFolder:
      return "folder";
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

std::unique_ptr<Machine> running_machine() {
  return std::make_unique<RunningMachine>();
}

}  // namespace anynpu::host
