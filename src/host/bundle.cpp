// SPDX-License-Identifier: Apache-2.0
// Support bundles: the writer and the reader.
#include "host/bundle.h"

#include <fmt/format.h>

#include "base/text.h"
#include "host/tar.h"

namespace anynpu::host {
namespace {

constexpr std::string_view kTop = "machine";
constexpr std::string_view kManifest = "machine/machine.manifest";

TarMember member_of(const std::string& path, const Entry& entry) {
  TarMember member;
  member.name = std::string(kTop) + path;
  if (entry.node.kind == NodeKind::kFolder) {
    member.kind = TarMember::Kind::kFolder;
  } else if (entry.node.kind == NodeKind::kLink) {
    member.kind = TarMember::Kind::kLink;
    member.content = entry.target;
  } else {
    member.content = entry.content;
  }
  return member;
}

/// The name only tells the same as its escaped form: tar readers show it, and no tool trips over
/// it.
bool plain_name(std::string_view path) {
  for (char c : path)
    if (c <= ' ' || c > '~' || c == '\\') return false;
  return true;
}

Entry entry_of(TarMember&& member) {
  Entry entry;
  switch (member.kind) {
    case TarMember::Kind::kFile:
      entry.node = {NodeKind::kFile, 0644, 0, 0, 0, 0};
      entry.content = std::move(member.content);
      break;
    case TarMember::Kind::kFolder:
      entry.node = {NodeKind::kFolder, 0755, 0, 0, 0, 0};
      break;
    case TarMember::Kind::kLink:
      entry.node = {NodeKind::kLink, 0777, 0, 0, 0, 0};
      entry.target = std::move(member.content);
      break;
  }
  return entry;
}

std::string index_text(std::size_t files, const MachineDescription& description) {
  return fmt::format(
      "A support bundle of anynpu: all that its checks read on one machine.\n\n"
      "  doctor.json               the doctor's report, made on the machine\n"
      "  machine/                  {} files, folders and links, as on the machine\n"
      "  machine/machine.manifest  {} nodes and other entries, {} answers of drivers, {} lines of "
      "the "
      "kernel log\n\n"
      "Taken out: names of users and members of groups, environment variables but those that "
      "libraries\n"
      "and containers use, files that other processes have open, addresses of network cards.\n\n"
      "Look at it:    anynpu doctor --bundle FILE\n",
      files, description.entries.size() - files, description.answers.size(),
      description.log.size());
}

}  // namespace

std::string write_bundle(const MachineDescription& description,
                         const std::vector<std::pair<std::string, std::string>>& reports) {
  std::vector<TarMember> members;
  MachineDescription rest = description;
  for (const auto& [path, entry] : description.entries) {
    TarMember member = member_of(path, entry);
    if (!is_plain(entry) || !plain_name(path) || !fits_tar(member)) continue;
    members.push_back(std::move(member));
    rest.entries.erase(path);
  }
  std::vector<TarMember> all;
  all.push_back({TarMember::Kind::kFile, "INDEX.txt", index_text(members.size(), description)});
  for (const auto& [name, text] : reports) all.push_back({TarMember::Kind::kFile, name, text});
  all.push_back({TarMember::Kind::kFile, std::string(kManifest), to_manifest(rest, true)});
  for (TarMember& member : members) all.push_back(std::move(member));
  return write_tar(all, description.now);
}

Result<MachineDescription> read_bundle(std::string_view bytes) {
  ANYNPU_TRY(members, read_tar(bytes));
  MachineDescription description;
  bool has_manifest = false;
  for (TarMember& member : members) {
    if (member.name != kManifest || member.kind != TarMember::Kind::kFile) continue;
    auto parsed = parse_manifest(member.content);
    if (!parsed) return Error(parsed.error()).within(kManifest);
    description = std::move(*parsed);
    has_manifest = true;
    break;
  }
  if (!has_manifest)
    return Error{Code::kInvalid, "is no bundle of anynpu: it has no " + std::string(kManifest)};
  for (TarMember& member : members) {
    if (!member.name.starts_with(std::string(kTop) + "/") || member.name == kManifest) continue;
    std::string path = member.name.substr(kTop.size());
    description.entries.try_emplace(path, entry_of(std::move(member)));
  }
  return description;
}

}  // namespace anynpu::host
