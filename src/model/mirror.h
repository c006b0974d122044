// SPDX-License-Identifier: Apache-2.0
// Mirror: folders of files that were fetched before, on a disk or a share. Files are found by their
// size and SHA-256, whatever they are called there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace anynpu::model {

class Mirror {
 public:
  /// The folders of $ANYNPU_MIRROR. They are looked through when the first file is asked for.
  static Mirror from_environment();

  explicit Mirror(std::vector<std::filesystem::path> folders) : folders_(std::move(folders)) {}

  bool empty() const { return folders_.empty(); }
  const std::vector<std::filesystem::path>& folders() const { return folders_; }

  /// A file with this size and SHA-256. Looks 8 levels deep and at 200,000 files at most; links to
  /// folders are not followed.
  std::optional<std::filesystem::path> find(std::uint64_t size, const std::string& sha256);

 private:
  void look_through();

  std::vector<std::filesystem::path> folders_;
  std::multimap<std::uint64_t, std::filesystem::path> by_size_;
  std::map<std::filesystem::path, std::string> hashes_;  // of files that were asked about
  bool looked_ = false;
};

}  // namespace anynpu::model
