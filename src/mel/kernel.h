// SPDX-License-Identifier: Apache-2.0
// Kernel: one compilation of the mel front end for one kind of SIMD instructions.
//
// A frame is a lane: 16, 8 or 4 frames are computed side by side and no instruction ever mixes
// them. A frame's values therefore depend neither on its neighbours nor on where it lies in a
// vector, so that streams and whole files, and any number of threads, give the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "mel/plan.h"

namespace anynpu::mel {

/// Vectors that the transform of 400 points works in: 8 rows of 25 complex numbers.
inline constexpr std::size_t kVectorsOf400 = 8 * 25 * 2;

/// The buffers of one thread.
class Workspace {
 public:
  explicit Workspace(const Plan& plan);

  float* samples() { return samples_.get(); }  // transposed, one column per frame
  float* scratch() { return scratch_.get(); }  // of the transform
  float* block() { return block_.get(); }      // [bins][kBlockFrames]
  // Only the general transform has these; that of 400 points works in place.
  float* scratch2() { return scratch2_.get(); }
  float* spectrum() { return spectrum_.get(); }  // [values][lanes]

 private:
  struct Free {
    void operator()(float* p) const;
  };
  using Buffer = std::unique_ptr<float[], Free>;
  static Buffer allocate(std::size_t floats);
  Buffer samples_, scratch_, scratch2_, spectrum_, block_;
};

/// Frames at samples[0], samples[hop], ...; `readable` samples may be read, at least those of the
/// frames. Writes out[bin * stride + frame].
template <typename Sample>
struct Block {
  const Sample* samples = nullptr;
  std::size_t readable = 0;
  int frames = 0;  // 1 to kBlockFrames
  float* out = nullptr;
  std::ptrdiff_t stride = 0;
};

struct Kernel {
  const char* name = "";  // "AVX3", "AVX2", "SSE4", "NEON", ...
  int lanes = 1;
  /// Both return the largest of the values that they wrote.
  float (*run)(const Plan&, const Block<float>&, Workspace&) = nullptr;
  float (*run_int16)(const Plan&, const Block<std::int16_t>&, Workspace&) = nullptr;
  /// values[i] = max(values[i], least) * factor + addend
  void (*clamp_scale)(std::span<float> values, float least, float factor, float addend) = nullptr;
  /// out[i] = log2(values[i]); positive and finite ones.
  void (*log2)(std::span<const float> values, float* out) = nullptr;
};

/// Those that this processor can run, best first.
std::span<const Kernel> kernels();

}  // namespace anynpu::mel
