// SPDX-License-Identifier: Apache-2.0
// From the tokens of a window to segments, by the marks of time that the model wrote among them.
#pragma once

#include <vector>

#include "speech/listener.h"
#include "speech/whisper_tokens.h"

namespace anynpu::speech {

/// A piece of a window; times are seconds from the window's start.
struct Piece {
  double start = 0, end = 0;
  std::vector<int> tokens;  // of text
  std::vector<float> logprobs;
};

struct Pieces {
  std::vector<Piece> pieces;
  double through = 0;  // seconds of the window that these cover: the next one begins there
};

/// `seconds`: how long the window's audio is.
Pieces pieces_of(const Heard& heard, const WhisperTokens& tokens, double seconds);

}  // namespace anynpu::speech
