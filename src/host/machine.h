// SPDX-License-Identifier: Apache-2.0
// Machine: the only door to the machine for probes. The same probe runs on the machine under it and
// on a tree of files that was made, or taken elsewhere (`--root DIR`).
//
// Paths are absolute and mean the machine's own: "/proc/cpuinfo". Nothing is opened but regular
// files and folders: looking at a device node must not wake, lock or crash what is behind it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"

namespace anynpu::host {

enum class NodeKind { kFile, kFolder, kCharacterDevice, kBlockDevice, kFifo, kSocket, kOther };
std::string_view to_string(NodeKind kind);

/// What stat(2) tells of a file or of a device node.
struct Node {
  NodeKind kind = NodeKind::kOther;
  unsigned permissions = 0;  // the lowest twelve bits: 0660
  uid_t uid = 0;
  gid_t gid = 0;
  unsigned major = 0;  // of device nodes
  unsigned minor = 0;
};

/// Whose rights decide what may be opened.
struct Identity {
  uid_t uid = 0;
  std::vector<gid_t> groups;  // the effective one first, then the supplementary ones
};

class Machine {
 public:
  static constexpr std::size_t kMostText = 256 << 10;
  static constexpr std::size_t kMostNames = 4096;

  virtual ~Machine() = default;

  /// A regular file's content. Anything else is refused at once, FIFOs and devices too.
  virtual Result<std::string> read_text(const std::string& path,
                                        std::size_t most_bytes = kMostText) const = 0;
  /// The names in a folder, sorted, at most kMostNames; none when it cannot be listed.
  virtual std::vector<std::string> list(const std::string& path) const = 0;
  /// What a symbolic link says, unresolved.
  virtual Result<std::string> read_link(const std::string& path) const = 0;
  /// Follows symbolic links.
  virtual Result<Node> stat(const std::string& path) const = 0;
  virtual Identity identity() const = 0;

  bool exists(const std::string& path) const { return stat(path).has_value(); }
};

/// The machine that this process runs on.
std::unique_ptr<Machine> running_machine();

/// A tree of files: DIR/proc/cpuinfo, DIR/sys/..., DIR/dev/... . Symbolic links stay inside of it.
/// Device nodes need root to make, so DIR/machine.json may describe them and the user instead:
///
///   {"uid": 1000, "groups": [1000, 44],
///    "nodes": {"/dev/accel/accel0": {"kind": "char", "mode": "0660", "uid": 0, "gid": 105,
///                                    "major": 261, "minor": 0}}}
Result<std::unique_ptr<Machine>> machine_of_tree(const std::filesystem::path& folder);

/// What machine.json says; untrusted text.
struct TreeDescription {
  Identity identity;
  std::vector<std::pair<std::string, Node>> nodes;
};
Result<TreeDescription> parse_tree_description(std::string_view text);

}  // namespace anynpu::host
