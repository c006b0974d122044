// SPDX-License-Identifier: Apache-2.0
// MemoryBudget: what a batch of the mel kernel takes of an AIE2 tile's 64 KB.
//
// Sums as the object FIFO allocator does: stack + depth x object size for both directions (depth 2
// is double buffering: the DMA fills one object while the core reads the other) + the kernel's
// scratch and constants. mel_design.py prints the same numbers, and a test holds them together.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace anynpu::mel::xdna {

inline constexpr std::int32_t kTileBytes = 64 * 1024;
inline constexpr std::int32_t kStackBytes = 4096;
inline constexpr std::int32_t kDepth = 2;
/// Bytes of a DMA transfer are whole words.
inline constexpr std::int32_t kDmaAlignment = 4;

struct MemoryBudget {
  std::int32_t frames = 0;  // of one object
  std::int32_t input_object = 0, output_object = 0;
  std::int32_t stack = 0, input = 0, output = 0, scratch = 0, constants = 0;

  std::int32_t total() const { return stack + input + output + scratch + constants; }
  std::int32_t left() const { return kTileBytes - total(); }
};

/// Frames that lie `stride` samples apart; see samples_for() in mel_kernel.h.
MemoryBudget memory_budget(std::int32_t frames_per_object, std::int32_t stride);

/// The most frames of one object.
std::int32_t most_frames_per_tile(std::int32_t stride);

struct TilePlan {
  std::int32_t tiles = 0;
  std::int32_t frames_per_tile = 0;  // the last tile may have fewer that matter
  MemoryBudget budget;
};

/// A batch over as few tiles as hold it, or over `tiles` when that is not 0; 1 to 16 tiles.
/// kTooLarge when it does not fit.
Result<TilePlan> plan_tiles(std::int32_t batch, std::int32_t stride, std::int32_t tiles = 0);

}  // namespace anynpu::mel::xdna
