// SPDX-License-Identifier: Apache-2.0
// Machine: the only door to the machine for probes and checks. The same code runs on the machine
// under it, on a simulated one (host/simulated.h), on a tree of files and on a support bundle.
//
// Paths are absolute and mean the machine's own: "/proc/cpuinfo". Nothing is opened but regular
// files and folders: looking at a device node must not wake, lock or crash what is behind it. What
// can only be learnt from an open node is asked through ask(), which knows a few harmless questions
// and puts them from a short-lived process of its own.
//
// Every read is bounded in bytes and entries. An error is never "it is not there": callers tell
// Code::kNotFound from all the others, which mean "could not be checked, because ...".
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"

namespace anynpu::host {

enum class NodeKind {
  kFile,
  kFolder,
  kLink,
  kCharacterDevice,
  kBlockDevice,
  kFifo,
  kSocket,
  kOther
};
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

/// The kernel's messages since boot, as far as this user may see them.
struct KernelLog {
  std::string source;              // "/dev/kmsg", "journal"; empty: it cannot be read
  std::vector<std::string> lines;  // "[    4.211000] rocket fdab0000.npu: ...", oldest first
  std::string why_not;             // why it cannot be read; then nothing at all is known
  bool cut = false;                // the oldest messages are missing

  bool readable() const { return !source.empty(); }
};

/// What a shared library says of itself, read without loading it.
struct ElfFacts {
  std::string architecture;  // "aarch64", "arm", "x86_64", "i386", "riscv64"; else "machine N"
  std::string soname;        // empty when it has none
  std::vector<std::string> needed;  // "libc.so.6"
  std::string glibc;                // the newest GLIBC_x.y that it needs: "2.38"; empty: none
  std::vector<std::string> texts;   // the wanted texts that were found, each as it stands there
};

/// What may be asked of an open device node. Every question is harmless to a healthy device, but
/// may wake a sleeping one: probes look at power/runtime_status first where that matters.
enum class Question {
  kOpen,          // can it be opened for reading and writing? answer: empty
  kDrmVersion,    // DRM_IOCTL_VERSION; answer: NAME TAB MAJOR.MINOR.PATCH TAB DATE TAB DESCRIPTION
  kRknpuAction,   // rknpu ACTION `argument`, only those that read; answer: the value, in decimal
  kAmdxdnaInfo,   // amdxdna GET_INFO `argument`; answer: the bytes
  kAmdxdnaArray,  // amdxdna GET_ARRAY `argument` with elements of `size` bytes; answer: the bytes
  kAmdxdnaStuck,  // amdxdna, while commands are under way up to 2.2 s; answer: a line "CONTEXT PID
                  // SUBMITTED COMPLETED" for each context that finished none in all that time
  kAxclCards,     // axcl DEVICE_LIST and CONN_STATUS; answer: a line "BUS STATE" for each card,
                  // STATE in decimal: 0 dead, 1 alive, 4294967295 never set
};
std::string_view to_string(Question question);

struct Asked {
  Question question = Question::kOpen;
  std::uint32_t argument = 0;
  std::uint32_t size = 0;
};

/// A short text that stands for a file too large to be carried about: a model. `make` gets the
/// file's bytes, mapped and not copied; its texts end up in support bundles under `name`.
struct Digest {
  std::string name;  // "model": a word
  std::function<std::string(std::span<const std::byte> bytes, const std::string& path)> make;
};

class Machine {
 public:
  static constexpr std::size_t kMostText = 256 << 10;
  static constexpr std::size_t kMostDigested = std::size_t{4} << 30;
  static constexpr std::size_t kMostNames = 4096;
  static constexpr std::size_t kMostLogLines = 20000;

  virtual ~Machine() = default;

  /// A regular file's content. Anything else is refused at once, FIFOs and devices too.
  virtual Result<std::string> read_text(const std::string& path,
                                        std::size_t most_bytes = kMostText) const = 0;
  /// The end of a regular file that grows: its last `most_bytes`, from the beginning of a line on.
  virtual Result<std::string> read_tail(const std::string& path, std::size_t most_bytes) const = 0;
  /// The names in a folder, sorted, at most kMostNames.
  virtual Result<std::vector<std::string>> names(const std::string& path) const = 0;
  /// What a symbolic link says, unresolved.
  virtual Result<std::string> read_link(const std::string& path) const = 0;
  /// Follows symbolic links; Code::kNotFound for a dangling one.
  virtual Result<Node> stat(const std::string& path) const = 0;
  /// Does not follow the last one.
  virtual Result<Node> lstat(const std::string& path) const = 0;
  /// Whether this user may open it for reading and writing, as far as modes and access lists tell.
  /// A device rule of a cgroup does not show here; only Question::kOpen would tell.
  virtual bool may_open(const std::string& path) const = 0;

  virtual Identity identity() const = 0;
  virtual KernelLog kernel_log() const = 0;
  /// The kernel's word for it: "aarch64", "x86_64".
  virtual std::string architecture() const = 0;
  virtual std::chrono::system_clock::time_point now() const = 0;

  /// `wanted` are beginnings of texts: "librknnrt version: ". Code::kInvalid when it is no ELF.
  virtual Result<ElfFacts> elf(const std::string& path,
                               std::span<const std::string_view> wanted = {}) const = 0;

  /// The digest of a regular file of at most kMostDigested bytes, at most kMostText long.
  virtual Result<std::string> digest(const std::string& path, const Digest& wanted) const = 0;

  /// Puts a question to the driver behind a device node. Errors carry the errno of open or ioctl;
  /// Code::kTimeout when the driver does not answer.
  virtual Result<std::string> ask(const std::string& node, const Asked& asked) const = 0;

  /// None when it cannot be listed.
  std::vector<std::string> list(const std::string& path) const {
    auto found = names(path);
    return found ? std::move(*found) : std::vector<std::string>();
  }
  bool exists(const std::string& path) const { return stat(path).has_value(); }
};

/// The machine that this process runs on; with ANYNPU_MACHINE in the environment, the one that is
/// named there. A name that is wrong gives a machine on which nothing can be read: ask
/// check_environment() first.
std::unique_ptr<Machine> running_machine();
Result<> check_environment();

/// A folder that stands for a machine's root, a manifest NAME.machine, or a support bundle
/// NAME.tar.
Result<std::unique_ptr<Machine>> machine_at(const std::filesystem::path& path);

/// A tree of files: DIR/proc/cpuinfo, DIR/sys/..., DIR/dev/... . Symbolic links stay inside of it.
/// What plain files cannot stand for (device nodes, the user, the kernel log) may be told by a
/// manifest DIR/machine.manifest (host/manifest.h), or by DIR/machine.json:
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

/// Whether modes and owners let `identity` read and write (or only read) a node; root always may.
bool modes_allow(const Node& node, const Identity& identity, bool write);

}  // namespace anynpu::host
