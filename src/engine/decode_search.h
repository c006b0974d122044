// SPDX-License-Identifier: Apache-2.0
// DecodeSearch: which rows of tokens are written on with, greedily, by drawing or in a beam. It
// sees logits and no network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "engine/decode_rules.h"

namespace anynpu::engine {

/// What was written for one row of the input.
struct Written {
  std::vector<std::int32_t> tokens;  // without the end token
  std::vector<float> logprobs;       // of each
  double sum_logprob = 0;            // with the end token's
  bool repeated = false;             // it was ended because it repeated itself
};

class DecodeSearch {
 public:
  DecodeSearch(const DecodeSettings& settings, DecodeRules rules, std::size_t rows);

  /// A row of tokens that is written on with.
  struct Live {
    std::size_t row = 0;     // of the input
    std::size_t parent = 0;  // which one of the step before it continues
    Written written = {};
  };
  /// Those of the next step; empty when all is written.
  const std::vector<Live>& live() const { return live_; }

  /// Takes the logits of live(), one row after the other, which it may overwrite, and chooses the
  /// tokens of the next step: the last ones of live().
  void step(std::span<float> logits);

  /// Of a row of the input, when live() is empty.
  const Written& best(std::size_t row) const { return best_[row]; }

 private:
  struct Beam {
    std::vector<Written> finished;
  };
  void step_greedy(std::span<float> logits, std::size_t vocabulary);
  void step_beam(std::span<float> logits, std::size_t vocabulary);
  void expand(std::size_t row, std::size_t first, std::size_t count, std::span<float> logits,
              std::size_t vocabulary, std::vector<Live>& next);
  void settle(std::size_t row);
  bool is_full(const Written& written) const;

  DecodeSettings settings_;
  DecodeRules rules_;
  std::vector<Live> live_;
  std::vector<Written> best_;
  std::vector<Beam> beams_;
  std::mt19937 random_;
};

}  // namespace anynpu::engine
