// SPDX-License-Identifier: Apache-2.0
// When each token was heard, from where a decoder listened while it wrote it.
//
// After openai/whisper's timing.py: the attention of the heads that follow the sound is normalised
// over the tokens, smoothed over time, averaged, and the cheapest monotonous path through it (by
// dynamic time warping) tells at which frame each token begins.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace anynpu::speech {

/// `attention` is heads x tokens x frames, each row a probability over frames. Returns the frame at
/// which each token begins, and after the last one where it ends: tokens + 1 values that never go
/// back. Only the first `used` frames carry sound.
std::vector<double> token_frames(std::span<const float> attention, std::size_t heads,
                                 std::size_t tokens, std::size_t frames, std::size_t used);

/// The cheapest path from the first to the last cell of rows x columns costs by steps right, down
/// or both; for each row the first column that it passes.
std::vector<std::size_t> warp(std::span<const float> cost, std::size_t rows, std::size_t columns);

}  // namespace anynpu::speech
