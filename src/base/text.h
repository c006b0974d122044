// SPDX-License-Identifier: Apache-2.0
// Small things done to text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace anynpu {

std::vector<std::string> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
std::string to_lower(std::string_view text);
std::string join(std::span<const std::string> parts, std::string_view separator);

/// "4.1 MB": decimal units, as drives and downloads are counted.
std::string human_bytes(std::uint64_t bytes);

/// The Levenshtein distance of two words.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate nearest to a mistyped word; empty when none is near enough to be meant.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

/// Removes control characters and invalid UTF-8, so that a stranger's name can be shown.
std::string printable(std::string_view text, std::size_t most_bytes = 200);

}  // namespace anynpu
