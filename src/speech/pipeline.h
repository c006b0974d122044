// SPDX-License-Identifier: Apache-2.0
// What the kinds of speech models have in common.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "speech/listener.h"
#include "speech/tokenizer.h"
#include "speech/transcriber.h"
#include "speech/windows.h"

namespace anynpu::speech {

struct PipelineParts {
  std::shared_ptr<runtime::ServedModel> model;
  std::shared_ptr<runtime::ServedModel> vad;  // may be none
  std::shared_ptr<const Tokenizer> tokenizer;
  const mel::Kernel* features = nullptr;  // none: the fastest
};

Result<std::unique_ptr<Transcriber>> open_whisper(PipelineParts parts);
Result<std::unique_ptr<Transcriber>> open_moonshine(PipelineParts parts);

/// What each kind's canary asks; `sound` is 16 kHz.
Result<Question> whisper_canary(const Tokenizer& tokenizer, const std::vector<float>& sound);
Question moonshine_canary(const std::vector<float>& sound);

/// How likely somebody speaks, by the model if there is one, else by loudness.
std::unique_ptr<Activity> activity_of(const PipelineParts& parts);

/// How many windows should be under way at once: the workers of the serving placement.
std::size_t windows_at_once(const runtime::ServedModel& model);

/// A transcript that grows by segments: numbers them, tells the caller, adds up the text.
class TranscriptBuilder {
 public:
  TranscriptBuilder(const TranscribeOptions& options, const PcmSource& source,
                    const runtime::ServedModel& model);

  Transcript& transcript() { return transcript_; }
  void add(Segment segment);
  void progress(double done) const;
  /// With the audio's length, its times, and who answered.
  Transcript finish(std::size_t samples, const Listener& listener);

 private:
  const TranscribeOptions& options_;
  const PcmSource& source_;
  const TimePoint start_ = Clock::now();
  Transcript transcript_;
};

/// The error of a transcription that the caller stopped.
Error stopped();

}  // namespace anynpu::speech
