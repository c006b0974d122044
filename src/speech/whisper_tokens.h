// SPDX-License-Identifier: Apache-2.0
// The tokens by which Whisper is told what to do and tells when things were said.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/seq2seq.h"
#include "speech/tokenizer.h"

namespace anynpu::speech {

struct WhisperTokens {
  int start = 0, end = 0, previous = 0;
  int transcribe = 0, translate = 0;
  int no_speech = 0, no_timestamps = 0;
  int first_time = 0;  // <|0.00|>; one more is 20 ms later
  int first_language = 0, last_language = 0;
  std::vector<std::string> languages;  // codes from first_language on
  std::vector<std::int32_t> suppress;  // marks, brackets, music: what nobody says
  std::vector<std::int32_t> suppress_first;

  /// kInvalid when the tokenizer is not a multilingual Whisper's.
  static Result<WhisperTokens> find(const Tokenizer& tokenizer);

  bool is_time(int token) const { return token >= first_time; }
  /// Seconds in the window.
  double seconds(int time_token) const { return (time_token - first_time) * 0.02; }
  /// -1 when the model does not know it.
  int language(std::string_view code) const;
  /// The settings that are the same for every window.
  engine::DecodeSettings settings() const;
};

}  // namespace anynpu::speech
