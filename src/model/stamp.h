// SPDX-License-Identifier: Apache-2.0
// Stamp: what is known of files that were checked once, so that they need not be hashed again while
// their size and time of change are the same.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"

namespace anynpu::model {

class Stamp {
 public:
  /// The stamp of a folder is its file ".checked". One that cannot be read is an empty one.
  static Stamp of(const std::filesystem::path& folder);

  /// Whether the file was checked, had this SHA-256, and has not been touched since.
  bool matches(const std::string& relative, const std::string& sha256) const;
  /// The SHA-256 that was noted for the file; empty when there is none.
  std::string noted(const std::string& relative) const;

  /// Notes that the file as it is now has this SHA-256.
  void note(const std::string& relative, const std::string& sha256);
  void forget(const std::string& relative) { entries_.erase(relative); }
  Result<> save() const;

 private:
  struct Entry {
    std::string sha256;
    std::uint64_t size = 0;
    std::int64_t changed_ns = 0;
  };
  std::filesystem::path folder_;
  std::map<std::string, Entry> entries_;
};

}  // namespace anynpu::model
