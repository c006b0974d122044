// SPDX-License-Identifier: Apache-2.0
// Reducer: makes a picture smaller by whole numbers while its rows come in, so that a huge picture
// is never held whole.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "vision/image.h"

namespace anynpu::vision {

class Reducer {
 public:
  /// Each `columns` x `rows` pixels become one, their mean. Both 1 to 256.
  Reducer(int width, int height, int columns, int rows);

  /// The next row, from the top: width x 3 bytes.
  void add(const std::uint8_t* rgb);

  /// What the picture covers of the image: its last column and row may stand for fewer pixels.
  Region part() const;
  /// After all rows were added.
  Image take() { return std::move(image_); }

 private:
  void finish_row(int rows_in_block);

  int width_, height_, columns_, rows_;
  int next_ = 0;
  std::vector<std::uint32_t> sums_;
  Image image_;
};

}  // namespace anynpu::vision
