// SPDX-License-Identifier: Apache-2.0
// Reducer: box means over rows that come one by one.
#include "vision/reduce.h"

#include <algorithm>
#include <cstring>

namespace anynpu::vision {

Reducer::Reducer(int width, int height, int columns, int rows)
    : width_(width), height_(height), columns_(columns), rows_(rows) {
  image_ = make_image((width + columns - 1) / columns, (height + rows - 1) / rows);
  if (columns_ > 1 || rows_ > 1) sums_.resize(static_cast<std::size_t>(image_.width) * 3);
}

void Reducer::add(const std::uint8_t* rgb) {
  if (next_ >= height_) return;
  if (sums_.empty()) {
    std::memcpy(image_.row(next_++), rgb, static_cast<std::size_t>(width_) * 3);
    return;
  }
  for (int out = 0; out < image_.width; ++out) {
    const int end = std::min(width_, (out + 1) * columns_);
    std::uint32_t* sum = &sums_[static_cast<std::size_t>(out) * 3];
    for (int x = out * columns_; x < end; ++x, rgb += 3) {
      sum[0] += rgb[0];
      sum[1] += rgb[1];
      sum[2] += rgb[2];
    }
  }
  ++next_;
  if (next_ % rows_ == 0) {
    finish_row(rows_);
  } else if (next_ == height_) {
    finish_row(next_ % rows_);
  }
}

void Reducer::finish_row(int rows_in_block) {
  std::uint8_t* out = image_.row((next_ - 1) / rows_);
  for (int x = 0; x < image_.width; ++x) {
    const int columns = std::min(columns_, width_ - x * columns_);
    const auto count = static_cast<std::uint32_t>(columns * rows_in_block);
    for (int c = 0; c < 3; ++c) {
      std::uint32_t& sum = sums_[static_cast<std::size_t>(x) * 3 + static_cast<std::size_t>(c)];
      *out++ = static_cast<std::uint8_t>((sum + count / 2) / count);
      sum = 0;
    }
  }
}

Region Reducer::part() const {
  return {0, 0, static_cast<double>(width_) / columns_, static_cast<double>(height_) / rows_};
}

}  // namespace anynpu::vision
