// SPDX-License-Identifier: Apache-2.0
// AnyReader: any audio as one channel at the sample rate that a model wants: WAV, FLAC, Ogg and MP3
// in this process, everything else, and what is rare in those, through ffmpeg.
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

  /// Bytes without a header: signed 16 bit, little endian, one channel at that rate.
  static AnyReader raw(ByteSource& source, int sample_rate, std::stop_token stop = {});

  /// Appends some samples; false at the end.
  Result<bool> read(std::vector<float>& out);
  /// As the header says; not to be relied on.
  std::optional<double> seconds() const;
  /// Whether the header tells them, and they are no estimate.
  bool tells_seconds() const { return mono_ && mono_->format().frames_are_told; }
  /// After the end: it came before the header's, or with an error.
  bool cut_short() const;
  /// "WAV", "FLAC", "Ogg", "MP3", "PCM" or "ffmpeg".
  std::string format() const;

 private:
  AnyReader() = default;
  bool read_raw(std::vector<float>& out);

  std::optional<MonoReader> mono_;
  std::unique_ptr<Spool> copy_;  // of a source without a descriptor
  std::unique_ptr<Ffmpeg> ffmpeg_;
  std::optional<Error> damaged_;  // what is said when ffmpeg does not read it either
  ByteSource* raw_ = nullptr;
  std::uint64_t raw_at_ = 0;
  int raw_rate_ = 0;
  std::stop_token stop_;
};

}  // namespace anynpu::audio
