// SPDX-License-Identifier: Apache-2.0
// Decoding on demand: a reader never runs ahead of the model by more than what it is asked for.
#include "speech/audio_input.h"

#include <algorithm>

#include <fmt/format.h>

namespace anynpu::speech {

Result<> AudioInput::open() {
  // Of what still arrives the header's word is not compared with the size of the file.
  const bool whole = source_.size().has_value();
  if (raw_) {
    reader_ = audio::AnyReader::raw(source_, kSampleRate, stop_);
    return {};
  }
  ANYNPU_TRY(reader, audio::AnyReader::open(source_, kSampleRate, limits_.ffmpeg, stop_));
  reader_ = std::move(reader);
  if (whole && reader_->tells_seconds() && *reader_->seconds() > limits_.most_seconds)
    return too_long();
  return {};
}

Error AudioInput::too_long() const {
  return Error{Code::kTooLarge,
               fmt::format("the audio is longer than {:g} s", limits_.most_seconds)};
}

Result<bool> AudioInput::read(std::vector<float>& out) {
  if (!reader_) ANYNPU_CHECK(open());
  const auto skipped = static_cast<std::uint64_t>(skip_ * kSampleRate);
  while (true) {
    const std::size_t before = out.size();
    ANYNPU_TRY(more, reader_->read(out));
    const std::uint64_t first = samples_;
    samples_ += out.size() - before;
    if (static_cast<double>(samples_) > limits_.most_seconds * kSampleRate) return too_long();
    if (!more && samples_ == 0) {
      return Error{Code::kInvalid, "the audio has no sound in it: 0 samples", 0,
                   "was the recording stopped before it began?"};
    }
    if (first < skipped) {
      const auto drop = std::min<std::uint64_t>(skipped - first, out.size() - before);
      const auto from = out.begin() + static_cast<std::ptrdiff_t>(before);
      out.erase(from, from + static_cast<std::ptrdiff_t>(drop));
    }
    if (!more || out.size() > before) return more;
  }
}

std::optional<double> AudioInput::duration() const {
  const auto seconds = reader_ ? reader_->seconds() : std::nullopt;
  // A header may claim anything: what cannot be is not told.
  if (!seconds || *seconds > limits_.most_seconds) return std::nullopt;
  return std::max(0.0, *seconds - skip_);
}

std::vector<std::string> AudioInput::notes() const {
  if (reader_ && reader_->cut_short())
    return {fmt::format("the audio ends before its header says, after {:.1f} s",
                        static_cast<double>(samples_) / kSampleRate)};
  return {};
}

}  // namespace anynpu::speech
