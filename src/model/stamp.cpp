// SPDX-License-Identifier: Apache-2.0
// Stamp: a JSON object {file: {sha256, size, changed_ns}} beside the files.
#include "model/stamp.h"

#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "base/file.h"

namespace anynpu::model {
namespace {

constexpr const char* kFile = ".checked";

bool look_at(const std::filesystem::path& path, std::uint64_t& size, std::int64_t& changed_ns) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return false;
  size = static_cast<std::uint64_t>(info.st_size);
  changed_ns = std::int64_t{info.st_mtim.tv_sec} * 1000000000 + info.st_mtim.tv_nsec;
  return true;
}

}  // namespace

Stamp Stamp::of(const std::filesystem::path& folder) {
  Stamp stamp;
  stamp.folder_ = folder;
  Result<std::string> text = read_text(folder / kFile, 1 << 20);
  if (!text) return stamp;
  auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object()) return stamp;
  for (const auto& [file, entry] : json.items()) {
    if (!entry.is_object() || !entry.contains("sha256") || !entry["sha256"].is_string()) continue;
    if (!entry.contains("size") || !entry["size"].is_number_integer()) continue;
    if (!entry.contains("changed_ns") || !entry["changed_ns"].is_number_integer()) continue;
    stamp.entries_[file] = {entry["sha256"].get<std::string>(), entry["size"].get<std::uint64_t>(),
                            entry["changed_ns"].get<std::int64_t>()};
  }
  return stamp;
}

bool Stamp::matches(const std::string& relative, const std::string& sha256) const {
  auto found = entries_.find(relative);
  std::uint64_t size = 0;
  std::int64_t changed_ns = 0;
  return found != entries_.end() && found->second.sha256 == sha256 &&
         look_at(folder_ / relative, size, changed_ns) && size == found->second.size &&
         changed_ns == found->second.changed_ns;
}

std::string Stamp::noted(const std::string& relative) const {
  auto found = entries_.find(relative);
  return found != entries_.end() ? found->second.sha256 : std::string();
}

void Stamp::note(const std::string& relative, const std::string& sha256) {
  Entry entry;
  entry.sha256 = sha256;
  if (look_at(folder_ / relative, entry.size, entry.changed_ns)) entries_[relative] = entry;
}

Result<> Stamp::save() const {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [file, entry] : entries_)
    json[file] = {{"sha256", entry.sha256}, {"size", entry.size}, {"changed_ns", entry.changed_ns}};
  return write_file(folder_ / kFile, json.dump(1) + "\n");
}

}  // namespace anynpu::model
