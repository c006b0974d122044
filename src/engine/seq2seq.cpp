// SPDX-License-Identifier: Apache-2.0
// What an encoder-decoder session is told and tells, as tensors.
#include "engine/seq2seq.h"

#include <cmath>

#include <fmt/format.h>

namespace anynpu::engine {
namespace {

constexpr int kMostTokens = 4096;
// Each has a cache of what it wrote; what it hears is shared where that can be.
constexpr int kMostBeams = 16;
constexpr int kMostSeed = 1 << 24;  // whole numbers that a float holds

struct SettingsReader {
  std::span<const float> values;
  std::size_t at = 0;
  bool good = true;

  float next(float least, float most) {
    const float value = values[at++];
    // Not a number is in no range.
    const bool within = value >= least && value <= most;
    good = good && within;
    return within ? value : least;
  }
  int whole(int least, int most) {
    const float value = next(static_cast<float>(least), static_cast<float>(most));
    good = good && std::floor(value) == value;
    return static_cast<int>(value);
  }
};

}  // namespace

std::array<float, DecodeSettings::kCount> DecodeSettings::pack() const {
  return {static_cast<float>(max_tokens),
          static_cast<float>(beam_size),
          temperature,
          static_cast<float>(seed),
          static_cast<float>(end_token),
          static_cast<float>(start_position),
          static_cast<float>(no_speech_token),
          static_cast<float>(language_first),
          static_cast<float>(language_last),
          static_cast<float>(timestamp_first),
          static_cast<float>(no_timestamps_token),
          static_cast<float>(max_initial_timestamp),
          static_cast<float>(repeat_limit)};
}

Result<DecodeSettings> DecodeSettings::unpack(std::span<const float> values,
                                              std::size_t vocabulary) {
  if (values.size() != kCount)
    return Error{Code::kInvalid,
                 fmt::format("settings are {} numbers, not {}", kCount, values.size())};
  const int last = static_cast<int>(vocabulary) - 1;
  SettingsReader reader{values};
  DecodeSettings settings;
  settings.max_tokens = reader.whole(0, kMostTokens);
  settings.beam_size = reader.whole(1, kMostBeams);
  settings.temperature = reader.next(0, 100);
  settings.seed = static_cast<std::uint32_t>(reader.whole(0, kMostSeed));
  settings.end_token = reader.whole(0, last);
  settings.start_position = reader.whole(0, kMostTokens);
  settings.no_speech_token = reader.whole(-1, last);
  settings.language_first = reader.whole(-1, last);
  settings.language_last = reader.whole(-1, last);
  settings.timestamp_first = reader.whole(-1, last);
  settings.no_timestamps_token = reader.whole(-1, last);
  settings.max_initial_timestamp = reader.whole(-1, last);
  settings.repeat_limit = reader.whole(0, kMostTokens);
  if (!reader.good || settings.language_last < settings.language_first)
    return Error{Code::kInvalid, "a setting of the decoder is out of range"};
  return settings;
}

SessionInfo seq2seq_info(TensorInfo audio) {
  SessionInfo info;
  audio.name = "audio";
  info.inputs = {std::move(audio),
                 {"prompt", DType::kInt32, {-1, -1}},
                 {"settings", DType::kFloat32, {static_cast<std::int64_t>(DecodeSettings::kCount)}},
                 {"suppress", DType::kInt32, {-1}},
                 {"suppress_first", DType::kInt32, {-1}},
                 {"heads", DType::kInt32, {-1, 2}}};
  info.outputs = {{"tokens", DType::kInt32, {-1, -1}},
                  {"logprobs", DType::kFloat32, {-1, -1}},
                  {"sums", DType::kFloat32, {-1, static_cast<std::int64_t>(kSums)}},
                  {"languages", DType::kFloat32, {-1, -1}},
                  {"attention", DType::kFloat32, {-1, -1, -1}}};
  return info;
}

}  // namespace anynpu::engine
