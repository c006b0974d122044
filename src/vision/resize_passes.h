// SPDX-License-Identifier: Apache-2.0
// The two passes of a resize: weighted sums along rows, then down columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vision/image.h"

namespace anynpu::vision {

/// Fractional bits of a weight.
inline constexpr int kWeightBits = 22;

/// The source pixels of one output pixel, and where their weights begin.
struct Span {
  int first = 0;
  int count = 0;
  std::size_t weights = 0;
};

/// Of one direction, a span per output pixel. The weights of a span are positive and sum to 1.
struct Weights {
  std::vector<Span> spans;
  std::vector<std::int32_t> values;
  bool identity = false;  // nothing changes in this direction; no spans
};

/// Makes rows narrower or wider: row y of `out` from row first_row + y of `in`.
void blend_columns(const Image& in, int first_row, const Weights& weights, Image& out);
/// Makes columns shorter or longer. Both images are equally wide.
void blend_rows(const Image& in, const Weights& weights, Image& out);

/// The same by plain code only, whatever the processor has. For tests.
void blend_columns_plainly(const Image& in, int first_row, const Weights& weights, Image& out);
void blend_rows_plainly(const Image& in, const Weights& weights, Image& out);

}  // namespace anynpu::vision
