// SPDX-License-Identifier: Apache-2.0
// Manifests: a machine as a short text (sim/machines/NAME.machine), which tests, `anynpu sim` and
// support bundles share. One line is one fact; '#' starts a comment line; a later line replaces an
// earlier one about the same path. In texts \n \t \0 \\ and \xNN stand for bytes.
//
// clang-format off
//   machine Orange Pi 5 Plus, vendor kernel   what it is, for people
//   base rk3588-vendor                        starts as that machine (same folder)
//   arch aarch64
//   kernel 6.1.115-vendor-rk35xx
//   user 1000 1000,44,105                     uid, gids: the effective one first
//   now 1795600000                            seconds since 1970
//   file PATH [MODE [UID:GID]] = TEXT         a line: TEXT and "\n"
//   file PATH [MODE [UID:GID]]                its lines follow, each after "| "
//   raw PATH = TEXT                           TEXT without an end of line
//   dt PATH = TEXT                            a property of the device tree: TEXT and "\0"
//   folder PATH [MODE [UID:GID]]              only needed for empty ones
//   link PATH -> TARGET
//   char PATH MAJOR:MINOR MODE UID:GID        also: block; socket PATH MODE UID:GID; fifo the same
//   access PATH yes|no                        whether the user may open it, where the mode does not tell
//   fail PATH ERRNO                           reading, listing and stat end with it: EACCES, EIO, ...
//   remove PATH                               with all below it
//   pci ADDRESS VENDOR:DEVICE[:REVISION] [driver=NAME] [class=0x118000] [runtime=suspended]
//   module NAME [VERSION] [built-in]          /sys/module/NAME and, when loaded, its line in /proc/modules
//   env NAME=VALUE                            of the process
//   kmsg TEXT                                 a line of the kernel log
//   kmsg-none REASON                          the log cannot be read
//   elf PATH arch=aarch64 [soname=X] [needed=A,B] [glibc=2.38] [text="..."]...
//   digest PATH NAME = TEXT                   a model, and what it says of itself (doctor/model_digest.h)
//   answer NODE QUESTION [ARGUMENT] = TEXT    QUESTION: open, drm-version, rknpu-action,
//   answer NODE QUESTION [ARGUMENT] ! ERRNO   amdxdna-info, amdxdna-array, amdxdna-stuck, axcl-cards
//   expect ID [DEVICE]                        what the doctor has to find; a machine inherits none
//   expect-unknown ID                         what it has to say it could not check
//   expect-exit N
// clang-format on
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "host/machine.h"

namespace anynpu::host {

/// What is at one path.
struct Entry {
  Node node;
  std::string content;                         // of files
  std::string target;                          // of links
  std::optional<ElfFacts> elf;                 // of libraries, instead of a content
  std::map<std::string, std::string> digests;  // of models, by name, instead of a content
  std::optional<bool> access;
  int failure = 0;  // errno
};

struct Answer {
  std::string text;
  int failure = 0;  // errno
};

struct Expectation {
  std::string id;
  std::string device;  // empty: any
};

struct MachineDescription {
  std::string title;
  std::string base;
  std::string architecture;
  Identity identity;
  std::int64_t now = 0;
  std::map<std::string, Entry> entries;
  std::vector<std::string> log;
  std::string log_missing;                // why there is no log
  std::map<std::string, Answer> answers;  // by answer_key()
  std::vector<Expectation> expected;
  std::vector<std::string> expected_unknown;
  std::optional<int> expected_exit;
};

std::string answer_key(std::string_view node, const Asked& asked);

/// Untrusted text. `base_of` loads the description that a `base` line names; without it such a line
/// is an error. Errors name the line.
using LoadBase = std::function<Result<MachineDescription>(const std::string& name)>;
Result<MachineDescription> parse_manifest(std::string_view text, const LoadBase& base_of = {});

/// A NAME.machine file and its bases, which lie beside it.
Result<MachineDescription> load_manifest(const std::filesystem::path& file);

/// The text that parses to the same description again, without its bases; `with_files` false leaves
/// out what plain files, folders and links can stand for.
std::string to_manifest(const MachineDescription& description, bool with_files);

/// Whether an ordinary file, folder or link can stand for it.
bool is_plain(const Entry& entry);

/// Writes files, folders and links below `folder`, and the rest as machine.manifest in it.
Result<> expand_manifest(const MachineDescription& description,
                         const std::filesystem::path& folder);

/// The machine of a description alone, or of a description laid over a folder.
std::unique_ptr<Machine> simulated_machine(MachineDescription description, std::string folder = {});

}  // namespace anynpu::host
