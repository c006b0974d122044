// SPDX-License-Identifier: Apache-2.0
// Stretch, letterbox and centre crop, and boxes taken back through them.
#include "vision/fit.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "vision/resize.h"

namespace anynpu::vision {
namespace {

constexpr std::uint8_t kBar = 114;

}  // namespace

Fit fit(model::Resize way, int picture_width, int picture_height, int input_width,
        int input_height) {
  Fit fit{{0, 0, 1, 1}, 0, 0, input_width, input_height, input_width, input_height};
  const double across = static_cast<double>(input_width) / picture_width;
  const double down = static_cast<double>(input_height) / picture_height;
  if (way == model::Resize::kLetterbox) {
    const double scale = std::min(across, down);
    fit.width = std::clamp(static_cast<int>(std::lround(picture_width * scale)), 1, input_width);
    fit.height = std::clamp(static_cast<int>(std::lround(picture_height * scale)), 1, input_height);
    fit.x = (input_width - fit.width) / 2;
    fit.y = (input_height - fit.height) / 2;
  } else if (way == model::Resize::kCrop) {
    const double scale = std::max(across, down);
    fit.source.width = across / scale;
    fit.source.height = down / scale;
    fit.source.x = (1 - fit.source.width) / 2;
    fit.source.y = (1 - fit.source.height) / 2;
  }
  return fit;
}

Image apply(const Fit& fit, const Image& image, const Region& part) {
  const Region used = {part.x + fit.source.x * part.width, part.y + fit.source.y * part.height,
                       fit.source.width * part.width, fit.source.height * part.height};
  Image resized = resize(image, used, fit.width, fit.height);
  if (fit.width == fit.input_width && fit.height == fit.input_height) return resized;
  Image boxed = make_image(fit.input_width, fit.input_height);
  std::fill(boxed.rgb.begin(), boxed.rgb.end(), kBar);
  for (int y = 0; y < fit.height; ++y)
    std::memcpy(boxed.row(fit.y + y) + 3 * fit.x, resized.row(y),
                3 * static_cast<std::size_t>(fit.width));
  return boxed;
}

Box undo(const Fit& fit, const Box& in_input) {
  const auto across = [&](float value) {
    const double inside = (static_cast<double>(value) * fit.input_width - fit.x) / fit.width;
    return static_cast<float>(std::clamp(fit.source.x + inside * fit.source.width, 0.0, 1.0));
  };
  const auto down = [&](float value) {
    const double inside = (static_cast<double>(value) * fit.input_height - fit.y) / fit.height;
    return static_cast<float>(std::clamp(fit.source.y + inside * fit.source.height, 0.0, 1.0));
  };
  return {across(in_input.x_min), down(in_input.y_min), across(in_input.x_max),
          down(in_input.y_max)};
}

}  // namespace anynpu::vision
