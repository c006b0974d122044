// SPDX-License-Identifier: Apache-2.0
// Whole files: read with a limit, written so that a crash leaves the old one or the new one.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace anynpu {

/// Regular files only: a FIFO or a device is refused and never waited for. Longer than
/// `most_bytes` is Code::kTooLarge.
Result<std::vector<std::byte>> read_bytes(const std::filesystem::path& path,
                                          std::size_t most_bytes);
Result<std::string> read_text(const std::filesystem::path& path, std::size_t most_bytes = 1 << 20);

/// The last `most_bytes` of a regular file, from the beginning of a line on; the whole file when it
/// is no longer than that.
Result<std::string> read_tail(const std::filesystem::path& path, std::size_t most_bytes);
std::string tail_of(std::string_view text, std::size_t most_bytes);

/// Writes a temporary file beside `path`, synchronises it and renames it over `path`.
Result<> write_file(const std::filesystem::path& path, std::string_view content);
Result<> write_file(const std::filesystem::path& path, std::span<const std::byte> content);

/// The SHA-256 of a file or of bytes, as 64 lower-case hexadecimal digits.
Result<std::string> sha256_of_file(const std::filesystem::path& path);
std::string sha256_of(std::span<const std::byte> bytes);

}  // namespace anynpu
