// SPDX-License-Identifier: Apache-2.0
// From pixels to the numbers of an input tensor, through a table of 256 numbers per channel.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "engine/tensor.h"
#include "model/package.h"
#include "vision/image.h"

namespace anynpu::vision {

/// How a picture input is laid out; sides are -1 where the artifact leaves them open.
struct InputLayout {
  bool channels_first = false;  // NCHW
  std::int64_t batch = 1;
  std::int64_t height = 0, width = 0;
  int channels = 3;  // 1 or 3
};

/// Of a tensor of rank 4 with 1 or 3 channels, in the last place or the second.
Result<InputLayout> picture_layout(const engine::TensorInfo& tensor);

/// Sides that an artifact leaves open are chosen so: what most networks that do so were trained
/// with.
inline constexpr int kOpenSide = 224;

struct InputSize {
  int width = 0;
  int height = 0;
};
/// 1 to 8192 a side.
Result<InputSize> input_size(const engine::TensorInfo& tensor, const InputLayout& layout);

/// For each channel, the bit patterns of the 256 values that a pixel's sample can have.
struct SampleTable {
  std::size_t element_size = 1;  // bytes
  bool copies = false;           // one byte, and each value stands for itself
  std::array<std::array<std::uint32_t, 256>, 3> bits = {};
};

/// Of `(sample - mean) / std` for float tensors, in the tensor's type.
///
/// Quantised: round(real / scale + zero_point), halves away from zero, cut to the type's range.
/// When that is nowhere further than one level from the sample itself (less 128 for int8), the
/// sample is taken: such models were quantised from the bytes, and the difference is rounding of
/// mean, std or scale. An integer tensor without quantisation gets the samples as they are, less
/// 128 for int8.
Result<SampleTable> sample_table(const engine::TensorInfo& tensor,
                                 const model::Preprocess& preprocess);

/// Writes one picture; `to` has exactly its size. Grey is ITU-R 601 luma, as Pillow's convert("L").
void write_samples(const Image& image, const InputLayout& layout, model::Colour colour,
                   const SampleTable& table, std::span<std::byte> to);

}  // namespace anynpu::vision
