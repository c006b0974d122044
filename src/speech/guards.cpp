// SPDX-License-Identifier: Apache-2.0
// openai/whisper's tests of a decoded window, from its transcribe.py.
#include "speech/guards.h"

#include <algorithm>
#include <vector>

#include <zlib.h>

namespace anynpu::speech {

namespace {

constexpr double kSureLogprob = -0.45;  // the mean of a token's

}  // namespace

double compression_ratio(std::string_view text) {
  if (text.empty()) return 0;
  uLongf size = compressBound(static_cast<uLong>(text.size()));
  std::vector<Bytef> packed(size);
  const int done = compress(packed.data(), &size, reinterpret_cast<const Bytef*>(text.data()),
                            static_cast<uLong>(text.size()));
  return done == Z_OK && size > 0 ? static_cast<double>(text.size()) / static_cast<double>(size)
                                  : 0;
}

double average_logprob(const Heard& heard) {
  return heard.sum_logprob / static_cast<double>(heard.tokens.size() + 1);
}

bool is_doubtful(const Heard& heard) {
  return average_logprob(heard) < kSureLogprob;
}

bool is_better(const Attempt& a, const Attempt& b, const TranscribeOptions& options) {
  const auto loops = [&](const Attempt& one) {
    return one.heard.repeated || compression_ratio(one.text) > options.most_compression_ratio;
  };
  if (loops(a) != loops(b)) return loops(b);
  return average_logprob(a.heard) > average_logprob(b.heard);
}

Verdict judge(const Heard& heard, std::string_view text, const TranscribeOptions& options) {
  const bool unlikely = average_logprob(heard) < options.least_avg_logprob;
  Verdict verdict;
  verdict.silence = heard.no_speech > options.most_no_speech && unlikely;
  verdict.again = !verdict.silence && (unlikely || heard.repeated ||
                                       compression_ratio(text) > options.most_compression_ratio);
  return verdict;
}

}  // namespace anynpu::speech
