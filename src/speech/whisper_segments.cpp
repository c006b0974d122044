// SPDX-License-Identifier: Apache-2.0
// openai/whisper's reading of marks of time, from its transcribe.py: two marks side by side end one
// segment and begin the next; a window whose last mark stands alone was heard to its end.
#include "speech/whisper_segments.h"

#include <algorithm>

namespace anynpu::speech {
namespace {

Piece piece_of(const Heard& heard, const WhisperTokens& tokens, std::size_t from, std::size_t to,
               double start, double end) {
  Piece piece{start, end};
  for (std::size_t i = from; i < to; ++i) {
    if (heard.tokens[i] >= tokens.end) continue;  // marks
    piece.tokens.push_back(heard.tokens[i]);
    piece.logprobs.push_back(i < heard.logprobs.size() ? heard.logprobs[i] : 0);
  }
  return piece;
}

}  // namespace

Pieces pieces_of(const Heard& heard, const WhisperTokens& tokens, double seconds) {
  const std::vector<int>& all = heard.tokens;
  const std::size_t count = all.size();
  const auto is_time = [&](std::size_t i) { return tokens.is_time(all[i]); };
  const auto when = [&](std::size_t i) { return std::min(tokens.seconds(all[i]), seconds); };
  const bool ends_alone = count >= 2 && !is_time(count - 2) && is_time(count - 1);
  std::vector<std::size_t> cuts;
  for (std::size_t i = 1; i < count; ++i)
    if (is_time(i - 1) && is_time(i)) cuts.push_back(i);

  Pieces found;
  found.through = seconds;
  if (cuts.empty()) {
    double end = seconds;
    for (std::size_t i = count; i > 0; --i) {
      if (!is_time(i - 1)) continue;
      if (when(i - 1) > 0) end = when(i - 1);
      break;
    }
    const double start = count > 0 && is_time(0) ? std::min(when(0), end) : 0;
    Piece piece = piece_of(heard, tokens, 0, count, start, end);
    if (!piece.tokens.empty()) found.pieces.push_back(std::move(piece));
    return found;
  }
  if (ends_alone) cuts.push_back(count);
  std::size_t from = 0;
  for (const std::size_t cut : cuts) {
    const double start = is_time(from) ? when(from) : 0;
    const double end = std::max(start, is_time(cut - 1) ? when(cut - 1) : seconds);
    Piece piece = piece_of(heard, tokens, from, cut, start, end);
    if (!piece.tokens.empty() && end > start) found.pieces.push_back(std::move(piece));
    from = cut;
  }
  // A mark that does not move on would never end.
  if (!ends_alone && when(from - 1) > 0) found.through = when(from - 1);
  return found;
}

}  // namespace anynpu::speech
