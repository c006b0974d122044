// SPDX-License-Identifier: Apache-2.0
// The languages of Whisper, by code and by English name.
#pragma once

#include <string>
#include <string_view>

namespace anynpu::speech {

/// "de" for "de", "German", "german" or, with a region, "de-AT"; empty for what is no language.
std::string language_code(std::string_view word);

/// "german" for "de"; the code itself when it has no name here.
std::string language_name(std::string_view code);

/// Whether words of it stand between spaces.
bool has_spaces(std::string_view code);

}  // namespace anynpu::speech
