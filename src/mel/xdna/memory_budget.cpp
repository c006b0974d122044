// SPDX-License-Identifier: Apache-2.0
// The sums of a tile's memory, from the kernel's own sizes.
#include "mel/xdna/memory_budget.h"

#include <fmt/format.h>

#include "mel/xdna/mel_kernel.h"
#include "mel/xdna/mel_tables.h"

namespace anynpu::mel::xdna {
namespace {

constexpr std::int32_t kMostTiles = 16;  // four columns of four cores

std::int32_t aligned(std::int32_t bytes) {
  return (bytes + kDmaAlignment - 1) / kDmaAlignment * kDmaAlignment;
}

}  // namespace

MemoryBudget memory_budget(std::int32_t frames, std::int32_t stride) {
  MemoryBudget budget;
  budget.frames = frames;
  budget.input_object =
      aligned(samples_for(frames, stride) * static_cast<std::int32_t>(sizeof(int16_t)));
  budget.output_object = aligned(frames * kBins);
  budget.stack = kStackBytes;
  budget.input = kDepth * budget.input_object;
  budget.output = kDepth * budget.output_object;
  budget.scratch = kScratchWords * static_cast<std::int32_t>(sizeof(int32_t));
  budget.constants = aligned(static_cast<std::int32_t>(sizeof(Tables)));
  return budget;
}

std::int32_t most_frames_per_tile(std::int32_t stride) {
  std::int32_t frames = 1;
  while (memory_budget(frames + 1, stride).left() >= 0) ++frames;
  return frames;
}

Result<TilePlan> plan_tiles(std::int32_t batch, std::int32_t stride, std::int32_t tiles) {
  if (batch < 1 || tiles < 0 || tiles > kMostTiles)
    return Error{Code::kInvalid, fmt::format("a batch of {} over {} tiles", batch, tiles)};
  const std::int32_t most = most_frames_per_tile(stride);
  // A column's memory tile feeds 1, 2 or 4 cores; several columns work with 4 cores each.
  for (std::int32_t count : {1, 2, 4, 8, 12, 16}) {
    if (tiles != 0 && count != tiles) continue;
    const std::int32_t share = (batch + count - 1) / count;
    if (share <= most) return TilePlan{count, share, memory_budget(share, stride)};
  }
  return Error{Code::kTooLarge,
               fmt::format("a batch of {} frames does not fit {} tiles of {} frames", batch,
                           tiles == 0 ? kMostTiles : tiles, most)};
}

}  // namespace anynpu::mel::xdna
