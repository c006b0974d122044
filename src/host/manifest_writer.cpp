// SPDX-License-Identifier: Apache-2.0
// The writer of manifests, and their expansion to a folder.
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "base/text.h"
#include "host/manifest.h"
#include "host/tokens.h"

namespace anynpu::host {
namespace {

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (char c : escape(text)) out += c == '"' ? std::string("\\\"") : std::string(1, c);
  return out + "\"";
}

std::string owner_of(const Node& node) {
  return fmt::format("{:04o} {}:{}", node.permissions, node.uid, node.gid);
}

std::string device_line(std::string_view verb, std::string_view path, const Node& node) {
  return fmt::format("{} {} {}:{} {}\n", verb, path, node.major, node.minor, owner_of(node));
}

std::string elf_line(std::string_view path, const ElfFacts& facts) {
  std::string line = fmt::format("elf {} arch={}", path, in_quotes(facts.architecture));
  if (!facts.soname.empty()) line += " soname=" + in_quotes(facts.soname);
  if (!facts.needed.empty()) line += " needed=" + in_quotes(join(facts.needed, ","));
  if (!facts.glibc.empty()) line += " glibc=" + in_quotes(facts.glibc);
  for (const std::string& text : facts.texts) line += " text=" + in_quotes(text);
  return line + "\n";
}

std::string entry_lines(const std::string& path, const Entry& entry) {
  std::string name = escape_word(path);
  std::string text;
  switch (entry.node.kind) {
    case NodeKind::kFile:
      if (entry.elf)
        text = elf_line(name, *entry.elf);
      else
        text = fmt::format("raw {} {} = {}\n", name, owner_of(entry.node), escape(entry.content));
      break;
    case NodeKind::kFolder:
      text = fmt::format("folder {} {}\n", name, owner_of(entry.node));
      break;
    case NodeKind::kLink:
      text = fmt::format("link {} -> {}\n", name, escape(entry.target));
      break;
    case NodeKind::kCharacterDevice:
      text = device_line("char", name, entry.node);
      break;
    case NodeKind::kBlockDevice:
      text = device_line("block", name, entry.node);
      break;
    case NodeKind::kFifo:
      text = fmt::format("fifo {} {}\n", name, owner_of(entry.node));
      break;
    case NodeKind::kSocket:
      text = fmt::format("socket {} {}\n", name, owner_of(entry.node));
      break;
    case NodeKind::kOther:
      break;
  }
  for (const auto& [digest, says] : entry.digests)
    text += fmt::format("digest {} {} = {}\n", name, escape_word(digest), escape(says));
  if (entry.access) text += fmt::format("access {} {}\n", name, *entry.access ? "yes" : "no");
  if (entry.failure != 0) text += fmt::format("fail {} {}\n", name, errno_name(entry.failure));
  return text;
}

}  // namespace

bool is_plain(const Entry& entry) {
  const Node& node = entry.node;
  if (entry.failure != 0 || entry.access || entry.elf || !entry.digests.empty() || node.uid != 0 ||
      node.gid != 0)
    return false;
  switch (node.kind) {
    case NodeKind::kFile:
      return node.permissions == 0644 || node.permissions == 0444;
    case NodeKind::kFolder:
      return node.permissions == 0755;
    default:
      return node.kind == NodeKind::kLink;
  }
}

std::string to_manifest(const MachineDescription& description, bool with_files) {
  std::string text;
  if (!description.title.empty()) text += "machine " + description.title + "\n";
  if (!description.architecture.empty()) text += "arch " + description.architecture + "\n";
  if (!description.identity.groups.empty()) {
    text += fmt::format("user {} ", description.identity.uid);
    for (gid_t gid : description.identity.groups) text += fmt::format("{},", gid);
    text.back() = '\n';
  }
  if (description.now != 0) text += fmt::format("now {}\n", description.now);
  for (const auto& [path, entry] : description.entries)
    if (with_files || !is_plain(entry)) text += entry_lines(path, entry);
  for (const auto& [key, answer] : description.answers) {
    text += answer.failure != 0 ? fmt::format("answer {} ! {}\n", key, errno_name(answer.failure))
                                : fmt::format("answer {} = {}\n", key, escape(answer.text));
  }
  for (const std::string& line : description.log) text += "kmsg " + escape(line) + "\n";
  if (!description.log_missing.empty()) text += "kmsg-none " + description.log_missing + "\n";
  return text;
}

Result<> expand_manifest(const MachineDescription& description,
                         const std::filesystem::path& folder) {
  std::error_code error;
  auto failed = [&](const std::filesystem::path& path) {
    return system_error("cannot write " + path.string(), error.value());
  };
  std::filesystem::create_directories(folder, error);
  if (error) return failed(folder);
  for (const auto& [path, entry] : description.entries) {
    if (!is_plain(entry)) continue;
    std::filesystem::path place = folder.string() + path;
    std::filesystem::create_directories(place.parent_path(), error);
    if (error) return failed(place);
    if (entry.node.kind == NodeKind::kFolder) {
      std::filesystem::create_directories(place, error);
    } else if (entry.node.kind == NodeKind::kLink) {
      std::filesystem::create_symlink(entry.target, place, error);
    } else {
      std::ofstream file(place, std::ios::binary);
      file.write(entry.content.data(), static_cast<std::streamsize>(entry.content.size()));
      if (!file.flush()) return system_error("cannot write " + place.string());
    }
    if (error) return failed(place);
  }
  std::filesystem::path manifest = folder / "machine.manifest";
  std::ofstream file(manifest, std::ios::binary);
  file << to_manifest(description, false);
  if (!file.flush()) return system_error("cannot write " + manifest.string());
  return {};
}

}  // namespace anynpu::host
