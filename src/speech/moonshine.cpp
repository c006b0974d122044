// SPDX-License-Identifier: Apache-2.0
// Moonshine: English, from samples, in time that goes with the length of the audio.
//
// The model has no marks of time and was trained on stretches of up to half a minute, so long audio
// is cut where nobody speaks, and as many windows run side by side as the model has workers.
#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "speech/guards.h"
#include "speech/pipeline.h"
#include "speech/word_times.h"

namespace anynpu::speech {
namespace {

constexpr int kStartToken = 1, kEndToken = 2;
constexpr double kMostSeconds = 30;
constexpr double kTokensPerSecond = 6.5;  // faster speech does not exist
constexpr int kMoonshineRepeats = 8;
constexpr std::size_t kLeastSamples = 2000;  // shorter ones do not fill the first convolutions

Question question_of(std::vector<float> samples, float temperature) {
  const double seconds = static_cast<double>(samples.size()) / kSampleRate;
  if (samples.size() < kLeastSamples) samples.resize(kLeastSamples, 0.0F);
  Question question;
  question.shape = {1, static_cast<std::int64_t>(samples.size())};
  question.audio = std::make_shared<const std::vector<float>>(std::move(samples));
  question.prompt = {kStartToken};
  question.settings.end_token = kEndToken;
  question.settings.max_tokens = 4 + static_cast<int>(std::ceil(seconds * kTokensPerSecond));
  question.settings.temperature = temperature;
  question.settings.repeat_limit = kMoonshineRepeats;
  return question;
}

class Moonshine : public Transcriber {
 public:
  explicit Moonshine(PipelineParts parts) : parts_(std::move(parts)) {}

  const std::vector<std::string>& languages() const override {
    static const std::vector<std::string> english = {"en"};
    return english;
  }
  bool can_translate() const override { return false; }
  const runtime::ServedModel& model() const override { return *parts_.model; }

  Result<Transcript> transcribe(PcmSource& source, const TranscribeOptions& options) override {
    const std::string language = to_lower(options.language);
    if (!language.empty() && language != "en" && language != "english")
      return Error{Code::kUnsupported,
                   fmt::format("{} understands English only, not '{}'",
                               parts_.model->package().name, printable(options.language, 40))}
          .with_hint("choose a Whisper model");
    if (options.translate)
      return Error{Code::kUnsupported,
                   parts_.model->package().name + " writes what it hears and does not translate"}
          .with_hint("choose a Whisper model");
    TranscriptBuilder builder(options, source, *parts_.model);
    Transcript& transcript = builder.transcript();
    transcript.language = "en";
    // Subtitles are cut between words, and a segment is up to half a minute: words cost nothing.
    transcript.word_times = kByLoudness;
    if (!trim(options.prompt).empty())
      transcript.notes.push_back(transcript.model + " takes no prompt");
    Listener listener(*parts_.model, options.window_limit, options.stop);
    const std::unique_ptr<Activity> activity = activity_of(parts_);
    WindowCutter cutter(source, *activity, kMostSeconds);
    const std::size_t at_once = windows_at_once(*parts_.model);

    struct Waiting {
      Window window;
      std::future<Result<Answer>> answer;
    };
    std::deque<Waiting> waiting;
    bool more = true;
    while (more || !waiting.empty()) {
      while (more && waiting.size() < at_once) {
        if (options.stop.stop_requested()) return stopped();
        ANYNPU_TRY(window, cutter.next());
        more = window.has_value();
        if (!more) break;
        ++transcript.windows;
        Question question = question_of(window->samples, first_temperature(options));
        question.settings.beam_size = std::max(1, options.beam_size);
        auto answer = listener.ask(std::move(question));
        waiting.push_back({std::move(*window), std::move(answer)});
      }
      if (waiting.empty()) break;
      Waiting next = std::move(waiting.front());
      waiting.pop_front();
      ANYNPU_TRY(answer, next.answer.get());
      if (options.stop.stop_requested()) return stopped();
      ANYNPU_CHECK(settle(next.window, std::move(answer.rows[0]), options, listener, builder));
      builder.progress(next.window.start() + next.window.seconds());
    }
    transcript.timings.vad = cutter.activity_ms();
    return builder.finish(cutter.samples(), listener);
  }

 private:
  static float first_temperature(const TranscribeOptions& options) {
    return options.temperatures.empty() ? 0.0F : options.temperatures[0];
  }

  // Decodes again while the guards object, and adds what was heard: the first text that they are
  // content with, or else the best.
  Result<> settle(const Window& window, Heard heard, const TranscribeOptions& options,
                  Listener& listener, TranscriptBuilder& builder) {
    std::string first = parts_.tokenizer->decode(heard.tokens);
    Attempt best{std::move(heard), std::move(first), first_temperature(options)};
    bool content = !judge(best.heard, best.text, options).again;
    for (std::size_t i = 1; i < options.temperatures.size() && !content; ++i) {
      Question question = question_of(window.samples, options.temperatures[i]);
      question.settings.seed = static_cast<std::uint32_t>(i);
      ANYNPU_TRY(answer, listener.ask(std::move(question)).get());
      ++builder.transcript().retries;
      std::string text = parts_.tokenizer->decode(answer.rows[0].tokens);
      Attempt attempt{std::move(answer.rows[0]), std::move(text), options.temperatures[i]};
      content = !judge(attempt.heard, attempt.text, options).again;
      if (content || is_better(attempt, best, options)) best = std::move(attempt);
    }
    const std::string_view trimmed = trim(best.text);
    if (trimmed.empty()) return {};
    Segment segment;
    segment.seek = window.start();
    segment.start = window.speech_start();
    segment.end = window.speech_end();
    segment.text = " " + std::string(trimmed);
    segment.tokens = best.heard.tokens;
    segment.temperature = best.temperature;
    segment.avg_logprob = average_logprob(best.heard);
    segment.compression_ratio = compression_ratio(trimmed);
    segment.no_speech_prob = best.heard.no_speech;
    segment.words = words_by_loudness(trimmed, std::exp(segment.avg_logprob), window, segment.start,
                                      segment.end);
    builder.add(std::move(segment));
    return {};
  }

  const PipelineParts parts_;
};

}  // namespace

Result<std::unique_ptr<Transcriber>> open_moonshine(PipelineParts parts) {
  return std::unique_ptr<Transcriber>(std::make_unique<Moonshine>(std::move(parts)));
}

Question moonshine_canary(const std::vector<float>& sound) {
  Question question = question_of(sound, 0);
  question.settings.max_tokens = 12;
  return question;
}

}  // namespace anynpu::speech
