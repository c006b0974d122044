// SPDX-License-Identifier: Apache-2.0
// Image: 8-bit RGB pixels, rows without padding.
#pragma once

#include <cstdint>
#include <vector>

namespace anynpu::vision {

struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb = {};  // height x width x 3

  const std::uint8_t* row(int y) const { return rgb.data() + static_cast<std::size_t>(y) * width * 3; }
  std::uint8_t* row(int y) { return rgb.data() + static_cast<std::size_t>(y) * width * 3; }
};

}  // namespace anynpu::vision
