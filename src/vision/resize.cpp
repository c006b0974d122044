// SPDX-License-Identifier: Apache-2.0
// Resizing as two passes of weighted sums: along the rows, then down the columns.
//
// For an output pixel whose centre falls on `c` of the source, the weight of source pixel i is
// max(0, 1 - |i + 0.5 - c| / r), with r the ratio of the sizes and at least 1; the weights are
// normalised to sum 1. Models are trained on pictures that were resized so, by Pillow or by
// TensorFlow with antialias=True, and a plain two-tap bilinear costs accuracy.
//
// Weights have 22 fractional bits (8 bits of pixel and a sign leave no more in 32), and the result
// of the first pass is rounded to 8 bits: what Pillow does, so that results agree to the level.
#include "vision/resize.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "vision/resize_passes.h"

namespace anynpu::vision {
namespace {

Weights make_weights(int source_size, double begin, double length, int size) {
  Weights weights;
  weights.identity = source_size == size && begin == 0 && length == source_size;
  if (weights.identity) return weights;
  const double ratio = length / size;
  const double radius = std::max(ratio, 1.0);
  weights.spans.resize(static_cast<std::size_t>(size));
  std::vector<double> real;
  for (int i = 0; i < size; ++i) {
    const double centre = begin + (i + 0.5) * ratio;
    const int first =
        std::clamp(static_cast<int>(std::floor(centre - radius + 0.5)), 0, source_size - 1);
    const int end =
        std::clamp(static_cast<int>(std::floor(centre + radius + 0.5)), first + 1, source_size);
    real.clear();
    double sum = 0;
    for (int x = first; x < end; ++x) {
      real.push_back(std::max(0.0, 1.0 - std::abs(x + 0.5 - centre) / radius));
      sum += real.back();
    }
    if (sum <= 0) real.assign(1, sum = 1);
    weights.spans[static_cast<std::size_t>(i)] = {first, static_cast<int>(real.size()),
                                                  weights.values.size()};
    for (double weight : real)
      weights.values.push_back(
          static_cast<std::int32_t>(std::lround(weight / sum * (1 << kWeightBits))));
  }
  return weights;
}

}  // namespace

Image resize(const Image& source, int width, int height) {
  return resize(source,
                {0, 0, static_cast<double>(source.width), static_cast<double>(source.height)},
                width, height);
}

Image resize(const Image& source, const Region& part, int width, int height) {
  const double left = std::clamp(part.x, 0.0, static_cast<double>(source.width));
  const double top = std::clamp(part.y, 0.0, static_cast<double>(source.height));
  const double right = std::clamp(part.x + part.width, left, static_cast<double>(source.width));
  const double bottom = std::clamp(part.y + part.height, top, static_cast<double>(source.height));
  const Weights columns = make_weights(source.width, left, right - left, width);
  Weights rows = make_weights(source.height, top, bottom - top, height);

  const Image* wide = &source;
  Image narrowed;
  if (!columns.identity) {
    // Only the rows that the second pass will use.
    const int first = rows.identity ? 0 : rows.spans.front().first;
    const int end =
        rows.identity ? source.height : rows.spans.back().first + rows.spans.back().count;
    narrowed = uncleared_image(width, end - first);
    blend_columns(source, first, columns, narrowed);
    for (Span& span : rows.spans) span.first -= first;
    wide = &narrowed;
  }
  if (rows.identity && columns.identity) return source;
  if (rows.identity) return narrowed;
  Image out = uncleared_image(width, height);
  blend_rows(*wide, rows, out);
  return out;
}

}  // namespace anynpu::vision
