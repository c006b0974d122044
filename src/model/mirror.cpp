// SPDX-License-Identifier: Apache-2.0
// Mirror: finds files by size and SHA-256 in folders of the user.
#include "model/mirror.h"

#include "base/file.h"
#include "model/folders.h"

namespace anynpu::model {

namespace fs = std::filesystem;

Mirror Mirror::from_environment() {
  return Mirror(folder_list("ANYNPU_MIRROR"));
}

void Mirror::look_through() {
  constexpr int kMostDepth = 8;
  constexpr std::size_t kMostFiles = 200000;
  for (const fs::path& folder : folders_) {
    std::error_code failed;
    fs::recursive_directory_iterator entry(folder, fs::directory_options::skip_permission_denied,
                                           failed);
    for (fs::recursive_directory_iterator end; !failed && entry != end; entry.increment(failed)) {
      std::error_code unreadable;
      if (entry.depth() >= kMostDepth) entry.disable_recursion_pending();
      if (!entry->is_regular_file(unreadable) || unreadable) continue;
      std::uint64_t size = entry->file_size(unreadable);
      if (!unreadable) by_size_.emplace(size, entry->path());
      if (by_size_.size() >= kMostFiles) return;
    }
  }
}

std::optional<fs::path> Mirror::find(std::uint64_t size, const std::string& sha256) {
  if (!looked_) look_through();
  looked_ = true;
  auto [first, last] = by_size_.equal_range(size);
  for (auto candidate = first; candidate != last; ++candidate) {
    std::string& hash = hashes_[candidate->second];
    if (hash.empty()) {
      Result<std::string> read = sha256_of_file(candidate->second);
      hash = read ? *read : "unreadable";
    }
    if (hash == sha256) return candidate->second;
  }
  return std::nullopt;
}

}  // namespace anynpu::model
