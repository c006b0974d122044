// SPDX-License-Identifier: Apache-2.0
// MonoReader: any audio file as one channel at the sample rate that a model wants.
#pragma once

#include <cstddef>
#include <vector>

#include "audio/decoder.h"
#include "audio/resampler.h"

namespace anynpu::audio {

class MonoReader {
 public:
  /// `source` outlives the reader.
  static Result<MonoReader> open(ByteSource& source, int sample_rate,
                                 const DecoderLimits& limits = {});

  const Format& format() const { return decoder_.format(); }
  /// Appends some samples in about [-1, 1], the mean of the channels; false at the end. After an
  /// error nothing more can be read.
  Result<bool> read(std::vector<float>& out);
  bool cut_short() const { return decoder_.cut_short(); }

 private:
  MonoReader(Decoder decoder, Resampler resampler);

  Decoder decoder_;
  Resampler resampler_;
  std::vector<float> interleaved_;
  std::vector<float> mono_;
  bool ended_ = false;
};

/// All of it; kTooLarge after `most_seconds`.
Result<std::vector<float>> read_mono(ByteSource& source, int sample_rate, double most_seconds);

}  // namespace anynpu::audio
