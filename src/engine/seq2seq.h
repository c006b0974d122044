// SPDX-License-Identifier: Apache-2.0
// The tensors of an encoder-decoder session: a network that listens to a whole input and then
// writes tokens one by one, as speech models do.
//
// One run is the whole of it: the encoder once, then as many steps of the decoder as there are
// tokens, with its key/value cache handed on from step to step without a copy. What is asked for
// travels as tensors, so that to a worker, a queue and a deadline it is a session like any other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "engine/session.h"

namespace anynpu::engine {

/// Inputs, by index. N inputs ("rows") run together when their prompts are equally long.
enum Seq2SeqInput : std::size_t {
  kAudioInput,          // float32, what the encoder takes: N x samples, or N x bins x frames
  kPromptInput,         // int32, N x tokens; kDetect in the place of a token of the language
  kSettingsInput,       // float32, DecodeSettings::pack()
  kSuppressInput,       // int32, tokens that are never written
  kSuppressFirstInput,  // int32, tokens that are not written first
  kHeadsInput,          // int32, H x 2: layers and heads whose attention is wanted; H may be 0
  kSeq2SeqInputs
};
/// Outputs, by index. T: the tokens of the longest row, at least 1.
enum Seq2SeqOutput : std::size_t {
  kTokensOutput,     // int32, N x T, without the end token; -1 where a row is shorter
  kLogprobsOutput,   // float32, N x T
  kSumsOutput,       // float32, N x kSums
  kLanguagesOutput,  // float32, N x languages: how likely each is; without languages N x 1
  kAttentionOutput,  // float32, H x prompt x encoder frames, of the first row; 0 x 0 x 0 without
                     // heads
  kSeq2SeqOutputs
};
enum Seq2SeqSum : std::size_t {
  kSumLogprob,  // of the tokens with the end token
  kSumTokens,   // how many tokens, without the end token
  kNoSpeech,    // how likely the no-speech token was at its place
  kRepeated,    // 1 when the row was ended because it repeated itself
  kLanguage,    // the token that replaced kDetect; -1 without
  kSums
};
inline constexpr std::int32_t kDetect = -1;

struct DecodeSettings {
  int max_tokens = 224;    // of one row; 0: the prompt is read, and nothing is written
  int beam_size = 1;       // hypotheses side by side; 1: the likeliest token each time
  float temperature = 0;   // above 0 tokens are drawn, and the beam is 1
  std::uint32_t seed = 0;  // of the drawing, at most 2^24
  int end_token = 2;
  int start_position = 0;    // the place in the prompt that tells of silence and of the language
  int no_speech_token = -1;  // -1: the model has none
  int language_first = -1, language_last = -1;
  int timestamp_first = -1;  // all tokens from here on are times; -1: none are written
  int no_timestamps_token = -1;
  int max_initial_timestamp = -1;  // steps after the first time; -1: any
  int repeat_limit = 0;  // a row ends when its last words come this often in a row; 0: never

  static constexpr std::size_t kCount = 13;
  std::array<float, kCount> pack() const;
  /// kInvalid when a number is out of range for a vocabulary of that size.
  static Result<DecodeSettings> unpack(std::span<const float> values, std::size_t vocabulary);
};

/// The description of the inputs and outputs; `audio` as the encoder declares it.
SessionInfo seq2seq_info(TensorInfo audio);

}  // namespace anynpu::engine
