// SPDX-License-Identifier: Apache-2.0
// Text of strangers: is it UTF-8?
#pragma once

#include <cstddef>
#include <string_view>

namespace anynpu {

/// Bytes of the sequence at the start of a text that is not empty; 0 when it is not one.
std::size_t utf8_length(std::string_view text);

/// RFC 3629: no surrogates, no overlong forms.
bool is_utf8(std::string_view text);

}  // namespace anynpu
