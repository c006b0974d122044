// SPDX-License-Identifier: Apache-2.0
// Scales values between the quietest and the loudest, and colours them.
#include "vision/mel_picture.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace anynpu::vision {
namespace {

constexpr std::size_t kMostWidth = 8192;
constexpr std::size_t kBinHeight = 3;

// Dark blue over purple and orange to pale yellow: equal steps look equal, and it prints in grey.
constexpr double kStops[][3] = {{4, 6, 32},    {52, 16, 100},  {128, 28, 128},
                                {204, 60, 96}, {244, 136, 60}, {252, 248, 180}};

void colour(double value, std::uint8_t* rgb) {
  const double place = std::clamp(value, 0.0, 1.0) * (std::size(kStops) - 1);
  const auto left = std::min(static_cast<std::size_t>(place), std::size(kStops) - 2);
  const double part = place - static_cast<double>(left);
  for (std::size_t i = 0; i < 3; ++i)
    rgb[i] = static_cast<std::uint8_t>(
        std::lround(kStops[left][i] + part * (kStops[left + 1][i] - kStops[left][i])));
}

}  // namespace

Image mel_picture(std::span<const float> values, std::size_t bins, std::size_t frames,
                  bool logarithmic) {
  const std::size_t width = std::clamp<std::size_t>(frames, 1, kMostWidth);
  std::vector<float> shown(bins * width, -1e30F);
  for (std::size_t bin = 0; bin < bins; ++bin)
    for (std::size_t frame = 0; frame < frames; ++frame) {
      float value = values[bin * frames + frame];
      if (!logarithmic) value = std::log10(std::max(value, 1e-10F));
      float& at = shown[bin * width + frame * width / frames];
      at = std::max(at, value);
    }
  const auto [low, high] = std::minmax_element(shown.begin(), shown.end());
  const double range = std::max<double>(*high - *low, 1e-6);
  Image image = make_image(static_cast<int>(width), static_cast<int>(bins * kBinHeight));
  for (std::size_t bin = 0; bin < bins; ++bin)
    for (std::size_t repeat = 0; repeat < kBinHeight; ++repeat) {
      std::uint8_t* row = image.row(static_cast<int>((bins - 1 - bin) * kBinHeight + repeat));
      for (std::size_t x = 0; x < width; ++x)
        colour((shown[bin * width + x] - *low) / range, row + 3 * x);
    }
  return image;
}

}  // namespace anynpu::vision
