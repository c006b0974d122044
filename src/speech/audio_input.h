// SPDX-License-Identifier: Apache-2.0
// AudioInput: the bytes of any audio file as samples for a transcriber.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "audio/any_reader.h"
#include "speech/transcriber.h"

namespace anynpu::speech {

struct AudioLimits {
  double most_seconds = 24.0 * 3600;  // of audio; over it: Code::kTooLarge
  audio::FfmpegLimits ffmpeg;
};

/// Opens the audio with the first read(), which may wait for bytes that are still to come.
class AudioInput : public PcmSource {
 public:
  /// `source` outlives this. `skip`: seconds at the start that are decoded and thrown away. `raw`:
  /// samples without a header, as audio::AnyReader has them.
  explicit AudioInput(audio::ByteSource& source, AudioLimits limits = {}, std::stop_token stop = {},
                      double skip = 0, bool raw = false)
      : source_(source),
        limits_(std::move(limits)),
        stop_(std::move(stop)),
        skip_(skip),
        raw_(raw) {}

  /// Code::kInvalid for audio without any sample; errors of the decoder as they are. What is there
  /// as a whole and too long by its header is refused before its first sample.
  Result<bool> read(std::vector<float>& out) override;
  /// Without what is skipped.
  std::optional<double> duration() const override;

  /// What the caller should know, after the end: that the file was cut short.
  std::vector<std::string> notes() const;
  /// "WAV", ...; empty before the first read().
  std::string format() const { return reader_ ? reader_->format() : ""; }

 private:
  Result<> open();
  Error too_long() const;

  audio::ByteSource& source_;
  AudioLimits limits_;
  std::stop_token stop_;
  double skip_;
  bool raw_;
  std::optional<audio::AnyReader> reader_;
  std::uint64_t samples_ = 0;  // read so far, with those skipped
};

}  // namespace anynpu::speech
