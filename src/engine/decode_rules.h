// SPDX-License-Identifier: Apache-2.0
// Which token comes next: what is forbidden, Whisper's rules of time, probabilities.
//
// The rules are those of openai/whisper's decoding.py: marks of time come in pairs except at the
// end, never go back, come first, and are written whenever all of them together are likelier than
// any single token of text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "engine/seq2seq.h"

namespace anynpu::engine {

inline constexpr float kForbidden = -std::numeric_limits<float>::infinity();

class DecodeRules {
 public:
  DecodeRules(const DecodeSettings& settings, std::vector<std::int32_t> suppress,
              std::vector<std::int32_t> suppress_first);

  /// Sets what may not follow `written` to kForbidden. Something always remains.
  void apply(std::span<const std::int32_t> written, std::span<float> logits) const;

 private:
  void forbid(std::span<const std::int32_t> tokens, std::span<float> logits) const;
  void apply_times(std::span<const std::int32_t> written, std::span<float> logits) const;

  DecodeSettings settings_;
  std::vector<std::int32_t> suppress_;
  std::vector<std::int32_t> suppress_first_;
};

/// log(sum(exp(x))); kForbidden when all are forbidden.
float log_sum_exp(std::span<const float> logits);

/// The index of the largest.
std::size_t likeliest(std::span<const float> logits);

/// An index drawn with the probabilities softmax(logits / temperature); `uniform` is in [0, 1).
std::size_t draw(std::span<const float> logits, float temperature, double uniform);

/// Whether the end of `written` is one piece of at most 32 tokens, `times` times over.
bool repeats(std::span<const std::int32_t> written, int times);

}  // namespace anynpu::engine
