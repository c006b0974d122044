// SPDX-License-Identifier: Apache-2.0
// AnyReader: any audio as one channel at the sample rate that a model wants: WAV, FLAC, Ogg and MP3
// in this process, everything else through ffmpeg.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "audio/ffmpeg.h"
#include "audio/mono.h"
#include "audio/spool.h"

namespace anynpu::audio {

class AnyReader {
 public:
  /// `source` outlives the reader. Audio for ffmpeg is waited for to its end.
  static Result<AnyReader> open(ByteSource& source, int sample_rate,
                                const FfmpegLimits& limits = {}, std::stop_token stop = {});

  /// Appends some samples; false at the end.
  Result<bool> read(std::vector<float>& out);
  /// As the header says; not to be relied on.
  std::optional<double> seconds() const;
  /// After the end: it came before the header's, or with an error.
  bool cut_short() const;
  /// "WAV", "FLAC", "Ogg", "MP3", or "ffmpeg".
  std::string format() const;

 private:
  AnyReader() = default;

  std::optional<MonoReader> mono_;
  std::unique_ptr<Spool> copy_;  // of a source without a descriptor
  std::unique_ptr<Ffmpeg> ffmpeg_;
  std::stop_token stop_;
};

}  // namespace anynpu::audio
