// SPDX-License-Identifier: Apache-2.0
// Fetcher: gets files of the catalog from the first source that has them, each checked by SHA-256.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"
#include "model/catalog.h"
#include "model/mirror.h"

namespace anynpu::model {

/// Holds the archives that were downloaded, so that one that has several files is fetched once, and
/// removes them when it goes. A download that was interrupted stays in `cache` and goes on next
/// time.
class Fetcher {
 public:
  /// `catalog` outlives the fetcher. One fetcher at a time works in a cache folder.
  Fetcher(const Catalog& catalog, Mirror mirror, std::filesystem::path cache);
  ~Fetcher();
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  /// Puts the file at `to`, whole and right or not at all; the folder is made. Returns where it
  /// came from, for people. The error names every source with its reason.
  Result<std::string> fetch(const CatalogFile& file, const std::filesystem::path& to);

 private:
  Result<> fetch_from(const FileSource& source, const CatalogFile& file,
                      const std::filesystem::path& to);
  Result<std::filesystem::path> archive_path(const Archive& archive);
  Result<> download_checked(const std::string& url, const std::filesystem::path& to,
                            std::uint64_t size, const std::string& sha256,
                            const std::string& title);
  Result<> get_archive(const Archive& archive, const std::filesystem::path& to);

  const Catalog& catalog_;
  Mirror mirror_;
  std::filesystem::path cache_;
  std::map<std::string, std::filesystem::path> archives_;  // by id: there, and checked
  std::map<std::string, Error> failed_archives_;           // not tried again by this fetcher
  std::vector<std::filesystem::path> to_remove_;
};

/// Code::kIo when the file is not what the catalog says.
Result<> check_content(const std::filesystem::path& path, std::uint64_t size,
                       const std::string& sha256);

/// An error when the disk of `folder` has less than `bytes` left.
Result<> check_space(const std::filesystem::path& folder, std::uint64_t bytes);

/// Whether this process may write a file of that size (RLIMIT_FSIZE).
Result<> check_file_limit(const std::filesystem::path& file, std::uint64_t bytes);

}  // namespace anynpu::model
