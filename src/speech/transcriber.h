// SPDX-License-Identifier: Apache-2.0
// Transcriber: from samples to a transcript, with one served model. What `transcribe`, the HTTP
// server and every other face share.
//
//   auto served = runtime::ServedModel::start(package, 1, *speech::canary(package), options);
//   auto transcriber = speech::Transcriber::open(std::move(*served));
//   auto transcript = (*transcriber)->transcribe(source, {.language = "en"});
//
// Audio is pulled as it is needed and forgotten as soon as it is through, so that memory does not
// grow with its length.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "mel/kernel.h"
#include "model/package.h"
#include "runtime/served_model.h"
#include "speech/transcript.h"

namespace anynpu::speech {

inline constexpr int kSampleRate = 16000;

/// Where samples come from: one channel, 16 kHz, about [-1, 1].
class PcmSource {
 public:
  virtual ~PcmSource() = default;
  /// Appends some samples, a second or so; waits for those that are still to come. False at the
  /// end.
  virtual Result<bool> read(std::vector<float>& out) = 0;
  /// Seconds, when they are known before the end; for progress only.
  virtual std::optional<double> duration() const { return std::nullopt; }
};

/// Samples that are all there already.
std::unique_ptr<PcmSource> pcm_source(std::vector<float> samples);

enum class Segmentation {
  kAuto,     // by voice activity where the model has no marks of time, else by windows
  kVad,      // silence is cut away, and stretches of speech run side by side
  kWindows,  // one window after the other, each beginning where the last one's text ended
};

struct Progress {
  double done = 0;  // seconds of audio that are through
  std::optional<double> total;
};

struct TranscribeOptions {
  std::string language;    // "en", "english"; empty: the model hears which
  bool translate = false;  // into English; kUnsupported when the model cannot
  std::string prompt;      // text that went before, for spelling and style
  /// Tried one after another until the guards are content.
  std::vector<float> temperatures = {0.0F, 0.2F, 0.4F, 0.6F, 0.8F, 1.0F};
  /// Texts that are followed side by side at temperature 0. 0: one, and several once more where
  /// that one is doubtful.
  int beam_size = 0;
  bool word_times = false;
  Segmentation segmentation = Segmentation::kAuto;
  /// Whether a window is told the text of the one before; by windows only.
  bool condition_on_previous = true;

  // The guards, with Whisper's own values. Text is decoded again when it repeats itself (it
  // compresses better than this) or is unlikely (the mean log-probability of its tokens is lower
  // than this), and dropped as silence when it is unlikely and no speech is likelier than this.
  float most_compression_ratio = 2.4F;
  float least_avg_logprob = -1.0F;
  float most_no_speech = 0.6F;

  std::function<void(const Segment&)> on_segment;  // as soon as its window is through, in order
  std::function<void(const Progress&)> on_progress;
  std::stop_token stop;                  // ends it with kCancelled
  Duration window_limit = seconds(120);  // for one run of the model, with its wait in the queue
};

class Transcriber {
 public:
  /// `vad`: a served model of the task "vad"; without one, stretches of speech are told by their
  /// loudness. `features` computes what Whisper hears; without one, this processor's fastest.
  static Result<std::unique_ptr<Transcriber>> open(
      std::shared_ptr<runtime::ServedModel> model,
      std::shared_ptr<runtime::ServedModel> vad = nullptr, const mel::Kernel* features = nullptr);
  virtual ~Transcriber() = default;

  /// Called by any number of threads at once. An error when the source, the model or the options
  /// fail; silence is a transcript without segments.
  virtual Result<Transcript> transcribe(PcmSource& source, const TranscribeOptions& options) = 0;

  /// Codes of the languages that it understands: {"en"}.
  virtual const std::vector<std::string>& languages() const = 0;
  virtual bool can_translate() const = 0;
  virtual const runtime::ServedModel& model() const = 0;
};

/// Whether a transcriber of this package can do that, as far as its kind tells without its files.
/// `language`: a code, or empty.
bool may_understand(const model::Package& package, std::string_view language, bool translate);

/// What placements of a package of the tasks "transcribe" and "vad" are compared on: the same made
/// up sound everywhere.
Result<std::shared_ptr<const runtime::InputSource>> canary(const model::Package& package);

}  // namespace anynpu::speech
