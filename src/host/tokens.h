// SPDX-License-Identifier: Apache-2.0
// The words of a manifest: escapes, numbers, errno names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace anynpu::host {

/// \n \t \0 \\ \" and \xNN become bytes.
Result<std::string> unescape(std::string_view text);
/// One line of printable ASCII that unescape() turns back.
std::string escape(std::string_view text);
/// The same without spaces, for paths.
std::string escape_word(std::string_view text);

/// "EACCES" or "13"; 0 when it is neither.
int errno_of(std::string_view word);
/// "EACCES"; its number for rare ones.
std::string errno_name(int number);

Result<std::uint64_t> parse_number(std::string_view word, int base = 10);

/// Takes the first word off `rest`, and the spaces after it.
std::string_view take_word(std::string_view& rest);

/// key=value words; a value may stand in double quotes and then holds escapes.
Result<std::vector<std::pair<std::string, std::string>>> parse_pairs(std::string_view text);

}  // namespace anynpu::host
