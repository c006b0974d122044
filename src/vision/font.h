// SPDX-License-Identifier: Apache-2.0
// The small built-in letters with which boxes are labelled.
#pragma once

#include <string_view>

namespace anynpu::vision {

inline constexpr int kGlyphWidth = 5;
inline constexpr int kGlyphHeight = 9;  // the last two rows are under the base line

/// Whether the letter has ink there. Characters other than printable ASCII show as an empty box.
bool glyph_has(char letter, int x, int y);

}  // namespace anynpu::vision
