// SPDX-License-Identifier: Apache-2.0
// Quantised convolutions and additions as the simulated NPU computes them: bytes are unsigned,
// whatever the tensor says.
#pragma once

#include <cstdint>
#include <vector>

namespace anynpu::sim::teflon {

struct Plane {
  int height = 0, width = 0, channels = 0;
  float scale = 1;
  int zero = 0;
};

struct Convolution {
  bool depthwise = false;
  Plane input, output;
  int kernel_height = 1, kernel_width = 1, stride = 1, pad_top = 0, pad_left = 0;
  float weight_scale = 1;
  int weight_zero = 0;
  const std::uint8_t* weights = nullptr;  // OHWI, or 1HWO
  const std::int32_t* bias = nullptr;
};

void convolve(const Convolution& task, const std::uint8_t* from, std::uint8_t* to);
void add(const Plane& a, const std::uint8_t* from_a, const Plane& b, const std::uint8_t* from_b,
         const Plane& sum, std::uint8_t* to);

}  // namespace anynpu::sim::teflon
