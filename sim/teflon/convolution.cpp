// SPDX-License-Identifier: Apache-2.0
// Quantised convolutions and additions.
#include "sim/teflon/convolution.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace anynpu::sim::teflon {
namespace {

std::uint8_t quantised(double real, const Plane& plane) {
  return static_cast<std::uint8_t>(
      std::clamp<long>(std::lround(real / plane.scale) + plane.zero, 0, 255));
}

}  // namespace

void convolve(const Convolution& task, const std::uint8_t* from, std::uint8_t* to) {
  const Plane &in = task.input, &out = task.output;
  const double scale = static_cast<double>(in.scale) * task.weight_scale;
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x)
      for (int oc = 0; oc < out.channels; ++oc) {
        std::int64_t sum = task.bias[oc];
        for (int ky = 0; ky < task.kernel_height; ++ky)
          for (int kx = 0; kx < task.kernel_width; ++kx) {
            const int iy = y * task.stride + ky - task.pad_top;
            const int ix = x * task.stride + kx - task.pad_left;
            if (iy < 0 || ix < 0 || iy >= in.height || ix >= in.width) continue;
            const std::uint8_t* pixel =
                from + static_cast<std::ptrdiff_t>(iy * in.width + ix) * in.channels;
            const std::ptrdiff_t tap = ky * task.kernel_width + kx;
            if (task.depthwise) {
              sum += (pixel[oc] - in.zero) *
                     (task.weights[tap * out.channels + oc] - task.weight_zero);
              continue;
            }
            const std::uint8_t* weights =
                task.weights +
                (static_cast<std::ptrdiff_t>(oc) * task.kernel_height * task.kernel_width + tap) *
                    in.channels;
            for (int c = 0; c < in.channels; ++c)
              sum += (pixel[c] - in.zero) * (weights[c] - task.weight_zero);
          }
        to[static_cast<std::ptrdiff_t>(y * out.width + x) * out.channels + oc] =
            quantised(static_cast<double>(sum) * scale, out);
      }
}

void add(const Plane& a, const std::uint8_t* from_a, const Plane& b, const std::uint8_t* from_b,
         const Plane& sum, std::uint8_t* to) {
  const int count = sum.height * sum.width * sum.channels;
  for (int i = 0; i < count; ++i)
    to[i] = quantised(a.scale * (from_a[i] - a.zero) + b.scale * (from_b[i] - b.zero), sum);
}

}  // namespace anynpu::sim::teflon
