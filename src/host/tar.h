// SPDX-License-Identifier: Apache-2.0
// Tar archives (POSIX ustar) of files, folders and links.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace anynpu::host {

struct TarMember {
  enum class Kind { kFile, kFolder, kLink };
  Kind kind = Kind::kFile;
  std::string name;     // "machine/proc/cpuinfo"
  std::string content;  // of files; of links what they say
};

/// Whether a member's name and a link's target fit into a header.
bool fits_tar(const TarMember& member);

std::string write_tar(const std::vector<TarMember>& members, std::int64_t time);

/// Untrusted bytes: sizes are checked, names are relative and without "..", other kinds of members
/// are left out. At most 100000 members.
Result<std::vector<TarMember>> read_tar(std::string_view bytes);

}  // namespace anynpu::host
