// SPDX-License-Identifier: Apache-2.0
// Plan: the tables of one kind of mel spectrogram, made once and read by every kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mel/options.h"

namespace anynpu::mel {

/// Frames of one block: their samples, transposed, stay in the nearest caches.
inline constexpr int kBlockFrames = 64;
/// The widest vectors that kernels use, in frames.
inline constexpr int kMostLanes = 16;

struct SparseFilters {
  std::vector<std::int32_t> first;  // per bin
  std::vector<std::int32_t> count;  // per bin
  std::vector<float> weights;       // of all bins, in order
};

struct Plan {
  MelOptions options;
  int values = 0;  // of a spectrum: transform / 2 + 1

  /// The transform of 400 without pre-processing has a kernel of its own; see transform400-inl.h.
  bool fast400 = false;
  std::ptrdiff_t polyphase_stride = 0;    // floats from one row of transposed samples to the next:
                                          // this vector's columns and those of the next
  std::vector<std::int32_t> tap_offsets;  // [25][16] into the transposed samples

  /// The window times the sample scale, for samples in [-1, 1] and for int16, which the kernels
  /// multiply by 2^16. Order of the kernel: [25][16] when fast400, else by time.
  std::vector<float> window;
  std::vector<float> window_int16;

  // The general transform: half-length complex (even) or full-length complex (odd).
  int points = 0;
  std::vector<int> radices;
  std::vector<float> twiddles;  // (re, im) of each pass, in the order in which it uses them
  std::vector<float> roots;     // (re, im) of W_r^i for each radix above 5, in order of the passes
  std::vector<float> split;  // (re, im) of exp(-2 pi i k / transform), k <= points / 2; even only
  int window_offset = 0;     // zeros of the transform before the window

  /// [values] where the transform leaves the vector of each value of the spectrum, in floats.
  std::vector<std::int32_t> place;

  SparseFilters filters;
  float log_factor = 0;  // times log2
};

/// `options` pass check(); `lanes` are those of the kernel.
Plan make_plan(const MelOptions& options, int lanes);

}  // namespace anynpu::mel
