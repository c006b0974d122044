// SPDX-License-Identifier: Apache-2.0
// Decodes, mixes and resamples piece by piece, so that memory does not grow with the file.
#include "audio/mono.h"

#include <fmt/format.h>

namespace anynpu::audio {
namespace {
constexpr std::size_t kPiece = 8192;  // samples of each channel
}

MonoReader::MonoReader(Decoder decoder, Resampler resampler)
    : decoder_(std::move(decoder)), resampler_(std::move(resampler)) {
  interleaved_.resize(kPiece * static_cast<std::size_t>(decoder_.format().channels));
}

Result<MonoReader> MonoReader::open(ByteSource& source, int sample_rate,
                                    const DecoderLimits& limits) {
  ANYNPU_TRY(decoder, Decoder::open(source, limits));
  ANYNPU_TRY(resampler, Resampler::create(decoder.format().sample_rate, sample_rate));
  return MonoReader(std::move(decoder), std::move(resampler));
}

Result<bool> MonoReader::read(std::vector<float>& out) {
  if (ended_) return false;
  const std::size_t count = decoder_.read(interleaved_);
  if (count == 0) {
    ended_ = true;
    ANYNPU_CHECK(resampler_.finish(out));
    return true;
  }
  const auto channels = static_cast<std::size_t>(decoder_.format().channels);
  mono_.resize(count / channels);
  for (std::size_t i = 0; i < mono_.size(); ++i) {
    float sum = 0;
    for (std::size_t c = 0; c < channels; ++c) sum += interleaved_[i * channels + c];
    mono_[i] = channels == 1 ? sum : sum / static_cast<float>(channels);
  }
  ANYNPU_CHECK(resampler_.push(mono_, out));
  return true;
}

Result<std::vector<float>> read_mono(ByteSource& source, int sample_rate, double most_seconds) {
  ANYNPU_TRY(reader, MonoReader::open(source, sample_rate));
  std::vector<float> samples;
  const double most_samples = most_seconds * sample_rate;
  while (true) {
    ANYNPU_TRY(more, reader.read(samples));
    if (!more) return samples;
    if (static_cast<double>(samples.size()) > most_samples)
      return Error{Code::kTooLarge, fmt::format("the audio is longer than {:g} s", most_seconds)};
  }
}

}  // namespace anynpu::audio
