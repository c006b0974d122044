// SPDX-License-Identifier: Apache-2.0
// Image: 8-bit RGB pixels, rows without padding; Region: a part of one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace anynpu::vision {

struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb = {};  // height x width x 3

  const std::uint8_t* row(int y) const { return rgb.data() + row_offset(y); }
  std::uint8_t* row(int y) { return rgb.data() + row_offset(y); }
  bool empty() const { return rgb.empty(); }

 private:
  std::size_t row_offset(int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width) * 3;
  }
};

/// Black pixels.
inline Image make_image(int width, int height) {
  Image image;
  image.width = width;
  image.height = height;
  image.rgb.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  return image;
}

/// A part of an image, in pixels or fractions of it. Edges may fall inside a pixel.
struct Region {
  double x = 0, y = 0, width = 0, height = 0;
};

}  // namespace anynpu::vision
