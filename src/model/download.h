// SPDX-License-Identifier: Apache-2.0
// Downloads and unpacking, done by the programs that the system has for it: curl, npm, apt, tar.
// What they write is limited in size and not trusted: the caller checks the SHA-256.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/catalog.h"

namespace anynpu::model {

/// Downloads `url` to `to`, going on where an earlier attempt stopped, with a progress bar called
/// `title`. `most_bytes` is a hard limit.
Result<> download(const std::string& url, const std::filesystem::path& to, std::uint64_t most_bytes,
                  const std::string& title);

/// Where an archive can be downloaded, in the order to try: asks npm for a package's tarball, apt
/// for the mirrors that this machine uses.
Result<std::vector<std::string>> addresses_of(const Archive& archive);

/// Lets the system's own program fetch the archive, with the user's settings for it (proxies,
/// registries, credentials): npm pack, apt-helper, apt-get download. Code::kUnsupported for
/// addresses on the web.
Result<> fetch_with_tool(const Archive& archive, const std::filesystem::path& to);

/// Writes one member of a tar archive of any compression, or of a .deb, to `to`. A member larger
/// than `most_bytes` is refused.
Result<> extract(const std::filesystem::path& archive, const std::string& member,
                 std::uint64_t most_bytes, const std::filesystem::path& to);

}  // namespace anynpu::model
