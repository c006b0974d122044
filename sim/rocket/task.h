// SPDX-License-Identifier: Apache-2.0
// A task of the NPU in plain numbers: one convolution, over one slice of its input's rows.
//
// All data bytes are signed: the uint8 value of TFLite less 128. Features lie in planes of 16
// channels: byte (c, y, x) is at base + c/16*plane + y*line + x*16 + c%16. Addresses are the
// device's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "sim/rocket/command_stream.h"

namespace anynpu::sim::rocket {

/// A tensor that is added to the accumulator, plane after plane from two addresses in turn.
struct Addend {
  std::uint32_t even_planes = 0;
  std::uint32_t odd_planes = 0;
  std::int64_t plane = 0;  // bytes
  std::int32_t offset = 0;
  std::int32_t scale = 0;
  unsigned shift = 0;
};

struct Task {
  bool depthwise = false;
  int stride_x = 0, stride_y = 0;
  int pad_top = 0, pad_left = 0;
  std::int8_t pad_even = 0,
              pad_odd = 0;  // two bytes of one register; quirk Q1 tells who reads which

  std::uint32_t features = 0;
  int width = 0, height = 0;  // of the slice
  int channels = 0;           // as stored: a multiple of 16
  std::int64_t line = 0, plane = 0;
  int entries = 0;  // of the convolution buffer, for one row; quirk Q2

  std::uint32_t weights = 0;
  int kernel_width = 0, kernel_height = 0;
  int kernels = 0;                 // output channels that have weights
  std::int32_t weight_offset = 0;  // added to every weight
  std::uint32_t biases = 0;

  unsigned truncate = 0;  // right shift of the accumulator
  std::optional<Addend> addend;
  std::int32_t out_scale = 0, out_offset = 0;
  unsigned out_shift = 0;

  std::uint32_t output = 0;
  int out_width = 0, out_height = 0, out_channels = 0;
  std::int64_t out_plane = 0;

  int out_planes() const { return (out_channels + 15) / 16; }
  std::int64_t weight_bytes() const {
    return std::int64_t{kernel_width} * kernel_height * channels * (depthwise ? 1 : kernels);
  }
};

/// Reads a task from the registers; refuses sizes of zero and modes that are not modelled.
tl::expected<Task, std::string> decode(const RegisterFile& registers);

/// Nothing, or the first register that differs from what every known stream has: a sign of
/// something that is not modelled.
std::optional<std::string> unexpected_constant(const RegisterFile& registers);

}  // namespace anynpu::sim::rocket
