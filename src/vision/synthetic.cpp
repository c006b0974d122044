// SPDX-License-Identifier: Apache-2.0
// A synthetic picture of gradients and shapes, in integers.
#include "vision/synthetic.h"

#include <array>
#include <cstdint>

namespace anynpu::vision {
namespace {

using Colour = std::array<std::int64_t, 3>;

// `weight` of 256 parts of b, the rest of a.
Colour mix(const Colour& a, const Colour& b, std::int64_t weight) {
  Colour mixed{};
  for (std::size_t c = 0; c < 3; ++c) mixed[c] = (a[c] * (256 - weight) + b[c] * weight) / 256;
  return mixed;
}

// x and y in 0 to 1023, whatever the size of the picture.
Colour colour_at(std::int64_t x, std::int64_t y) {
  Colour colour = mix({120, 170, 230}, {60, 110, 40}, y / 4);
  const auto distance2 = [&](std::int64_t centre_x, std::int64_t centre_y) {
    return (x - centre_x) * (x - centre_x) + (y - centre_y) * (y - centre_y);
  };
  if (const std::int64_t d = distance2(380, 420); d < 220 * 220)
    colour = mix({245, 200, 90}, {180, 70, 30}, d * 256 / (220 * 220));
  if (const std::int64_t d = distance2(700, 300); d < 140 * 140 && d > 90 * 90)
    colour = {210, 40, 60};
  if (x > 620 && x < 900 && y > 560 && y < 900)
    colour = mix({40, 50, 120}, {200, 210, 250}, (x - 620) * 256 / 280);
  if (y > 800 && y < 980 && x > 80 && x < 520)
    colour = (x / 40) % 2 == 0 ? Colour{240, 240, 235} : Colour{30, 30, 35};
  return colour;
}

}  // namespace

Image synthetic_picture(int width, int height) {
  Image image = make_image(width, height);
  for (int y = 0; y < height; ++y) {
    std::uint8_t* out = image.row(y);
    for (int x = 0; x < width; ++x)
      for (std::int64_t sample :
           colour_at(std::int64_t{x} * 1024 / width, std::int64_t{y} * 1024 / height))
        *out++ = static_cast<std::uint8_t>(sample);
  }
  return image;
}

}  // namespace anynpu::vision
