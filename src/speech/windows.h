// SPDX-License-Identifier: Apache-2.0
// WindowCutter: cuts audio that arrives into windows of speech, at silence where there is any.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/result.h"
#include "speech/activity.h"
#include "speech/transcriber.h"

namespace anynpu::speech {

/// A stretch of audio.
struct Window {
  std::size_t first = 0;  // sample, from the start of the audio
  std::vector<float> samples;
  std::vector<float> activity;  // of each frame of kActivityFrame samples

  double start() const { return static_cast<double>(first) / kSampleRate; }
  double seconds() const { return static_cast<double>(samples.size()) / kSampleRate; }
  /// Where speech begins and ends in it, in seconds of the audio; the whole window without any.
  double speech_start() const;
  double speech_end() const;
};

class WindowCutter {
 public:
  /// Windows are at most `most_seconds` long. Audio that is no longer is one window as it is, or
  /// none when it is silent. `source` and `activity` outlive the cutter.
  WindowCutter(PcmSource& source, Activity& activity, double most_seconds);

  /// The next window; nothing after the last.
  Result<std::optional<Window>> next();

  /// Samples that were read so far: all of them once next() has given nothing.
  std::size_t samples() const { return first_ + samples_.size(); }
  double activity_ms() const { return activity_ms_; }

 private:
  Result<> read();
  void drop(std::size_t frames);
  Window take(std::size_t begin, std::size_t end, std::size_t drop_to);
  std::size_t frames() const { return activity_frames_.size(); }

  PcmSource& source_;
  Activity& activity_;
  const std::size_t most_frames_;
  bool ended_ = false;
  std::size_t first_ = 0;  // sample of the audio that samples_ begins with
  std::vector<float> samples_;
  std::vector<float> activity_frames_;
  std::vector<float> piece_;
  double activity_ms_ = 0;
};

/// Above it a frame is speech; a stretch of speech goes on down to the second one.
inline constexpr float kSpeech = 0.5F, kStillSpeech = 0.35F;

}  // namespace anynpu::speech
