// SPDX-License-Identifier: Apache-2.0
// Decoder: WAV, FLAC, Ogg (Vorbis, Opus) and MP3 to float samples, piece by piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "audio/byte_source.h"
#include "base/result.h"

namespace anynpu::audio {

struct Format {
  int sample_rate = 0;
  int channels = 0;
  std::string container;  // "WAV", "FLAC", "Ogg", "MP3"
  std::string encoding;   // as libsndfile words it: "Signed 16 bit PCM"
  /// What the header claims; not to be relied on, and absent for streams.
  std::optional<std::uint64_t> frames;
  /// The header has their number; else it is an estimate, or the size of a pipe.
  bool frames_are_told = false;
};

struct DecoderLimits {
  int most_channels = 32;
  int least_rate = 1000;
  int most_rate = 768000;
};

class Decoder {
 public:
  /// kUnsupported for other formats, with the format's name when it is a known one; kInvalid for a
  /// damaged header. `source` outlives the decoder.
  static Result<Decoder> open(ByteSource& source, const DecoderLimits& limits = {});
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;
  ~Decoder();

  const Format& format() const;
  /// Fills `into`, a multiple of the channels, with interleaved samples, and returns how many were
  /// written; 0 at the end. They are finite (audio/sane_sample.h). A file that is damaged or cut
  /// short gives what could be decoded.
  std::size_t read(std::span<float> into);
  /// After the end: it came before the one that the header tells, or with an error of the decoder.
  bool cut_short() const;

 private:
  struct State;
  explicit Decoder(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace anynpu::audio
