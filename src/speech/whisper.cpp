// SPDX-License-Identifier: Apache-2.0
// Whisper: 99 languages, windows of 30 seconds.
//
// By windows, as openai/whisper does it: each begins where the last one's text ended and is told
// that text. By voice activity: windows of speech are independent of each other, so that several
// run side by side. Either way a window is decoded again, hotter, while the guards object.
#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "mel/front_end.h"
#include "speech/alignment.h"
#include "speech/guards.h"
#include "speech/languages.h"
#include "speech/pipeline.h"
#include "speech/whisper_segments.h"
#include "speech/whisper_tokens.h"
#include "speech/word_times.h"

namespace anynpu::speech {
namespace {

constexpr double kWindowSeconds = 30;
constexpr std::size_t kWindowSamples = 30 * kSampleRate;
constexpr int kBins = 80;
constexpr std::size_t kMostPrompt = 223;  // tokens of text that went before
constexpr float kHot = 0.5F;  // text drawn hotter than this is not told to the next window
constexpr double kFrameSeconds = 0.02;   // of the encoder
constexpr double kLeastRest = 1;         // seconds of a window that are worth another look
constexpr float kSureOfLanguage = 0.5F;  // a likelier one is not doubted
constexpr float kSureThoughBad = 0.8F;   // nor this one, even if its text is what no one would say
constexpr int kDoubtfulBeams = 5;        // texts that are followed where one was doubtful
constexpr const char* kByAttention = "dynamic time warping of the decoder's attention";

/// What stays the same for all windows of a transcription.
struct Task {
  const TranscribeOptions& options;
  Listener& listener;
  TranscriptBuilder& builder;
  mel::FrontEnd front_end;
  int language = engine::kDetect;
  double features_ms = 0;
};

/// A window on its way: its features, and what was asked.
struct Asked {
  Window window;
  std::shared_ptr<const std::vector<float>> features;
  std::vector<std::int32_t> prompt;
  int start_position = 0;
};

struct Settled {
  Heard heard;
  float temperature = 0;
  bool silence = false;
};

class Whisper : public Transcriber {
 public:
  Whisper(PipelineParts parts, WhisperTokens tokens, mel::FrontEnd front_end,
          std::vector<std::string> languages)
      : parts_(std::move(parts)),
        tokens_(std::move(tokens)),
        front_end_(std::move(front_end)),
        languages_(std::move(languages)) {}

  const std::vector<std::string>& languages() const override { return languages_; }
  bool can_translate() const override { return true; }
  const runtime::ServedModel& model() const override { return *parts_.model; }

  Result<Transcript> transcribe(PcmSource& source, const TranscribeOptions& options) override {
    TranscriptBuilder builder(options, source, *parts_.model);
    Listener listener(*parts_.model, options.window_limit, options.stop);
    Task task{options, listener, builder, front_end_};
    Transcript& transcript = builder.transcript();
    if (!options.language.empty()) {
      transcript.language = language_code(options.language);
      task.language = tokens_.language(transcript.language);
      if (task.language < 0)
        return Error{Code::kUnsupported,
                     fmt::format("'{}' is no language of {}", printable(options.language, 40),
                                 parts_.model->package().name)}
            .with_hint("use a code such as en, de, fr, ja, or leave it out");
    }
    ANYNPU_TRY(initial, initial_prompt(options.prompt));
    if (options.word_times) transcript.word_times = aligns() ? kByAttention : kByLoudness;
    const bool by_activity = options.segmentation == Segmentation::kVad ||
                             (options.segmentation == Segmentation::kAuto && parts_.vad != nullptr);
    std::size_t samples = 0;
    if (by_activity)
      ANYNPU_CHECK(by_voice(source, task, initial, samples));
    else
      ANYNPU_CHECK(by_windows(source, task, initial, samples));
    transcript.timings.features = task.features_ms;
    return builder.finish(samples, listener);
  }

 private:
  bool aligns() const { return !parts_.model->package().speech.alignment_heads.empty(); }

  Result<std::vector<int>> initial_prompt(const std::string& text) const {
    const std::string_view trimmed = trim(text);
    if (trimmed.empty()) return std::vector<int>();
    return parts_.tokenizer->encode(" " + std::string(trimmed));
  }

  // One window after the other.
  Result<> by_windows(PcmSource& source, Task& task, std::vector<int> before,
                      std::size_t& samples) {
    std::vector<float> held;  // samples from `seek` on
    std::size_t seek = 0;
    bool more = true;
    std::vector<int> last_text;
    while (true) {
      while (more && held.size() < kWindowSamples) {
        auto read = source.read(held);
        if (!read) return std::move(read).error();
        more = *read;
      }
      samples = seek + held.size();
      if (held.empty()) return {};
      if (task.options.stop.stop_requested()) return stopped();
      Window window = window_of(held, seek);
      const double seconds = window.seconds();
      Asked asked = ask_about(std::move(window), task, before);
      ANYNPU_TRY(settled, settle(asked, nullptr, task));
      Pieces pieces = pieces_of(settled.heard, tokens_, seconds);
      if (settled.silence) pieces = {{}, seconds};
      std::vector<int> text = text_of(pieces);
      ANYNPU_CHECK(add(asked, settled, pieces, task));
      // The same text twice in a row is a loop that its own prompt keeps alive.
      const bool loops = !text.empty() && text == last_text;
      if (!task.options.condition_on_previous || settled.temperature > kHot || loops)
        before.clear();
      else
        before.insert(before.end(), text.begin(), text.end());
      last_text = std::move(text);
      const auto step = std::clamp<std::size_t>(
          static_cast<std::size_t>(std::lround(pieces.through * kSampleRate)), 1, held.size());
      held.erase(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(step));
      seek += step;
      task.builder.progress(static_cast<double>(seek) / kSampleRate);
    }
  }

  static Window window_of(const std::vector<float>& held, std::size_t seek) {
    Window window;
    window.first = seek;
    window.samples.assign(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(
                                                           std::min(held.size(), kWindowSamples)));
    return window;
  }

  // Windows of speech, side by side.
  Result<> by_voice(PcmSource& source, Task& task, const std::vector<int>& before,
                    std::size_t& samples) {
    const std::unique_ptr<Activity> activity = activity_of(parts_);
    WindowCutter cutter(source, *activity, kWindowSeconds);
    const std::size_t at_once = windows_at_once(*parts_.model);
    struct Waiting {
      Asked asked;
      std::future<Result<Answer>> answer;
    };
    std::deque<Waiting> waiting;
    bool more = true;
    while (more || !waiting.empty()) {
      // The first window alone tells the language of all.
      const std::size_t most = task.language < 0 ? 1 : at_once;
      while (more && waiting.size() < most) {
        if (task.options.stop.stop_requested()) return stopped();
        ANYNPU_TRY(window, cutter.next());
        more = window.has_value();
        if (!more) break;
        Asked asked = ask_about(std::move(*window), task, before);
        auto answer = task.listener.ask(question_of(asked, first_temperature(task), beams(task)));
        waiting.push_back({std::move(asked), std::move(answer)});
      }
      if (waiting.empty()) break;
      Waiting next = std::move(waiting.front());
      waiting.pop_front();
      ANYNPU_TRY(answer, next.answer.get());
      if (task.options.stop.stop_requested()) return stopped();
      ANYNPU_CHECK(finish_window(std::move(next.asked), std::move(answer.rows[0]), task, before));
    }
    task.builder.transcript().timings.vad = cutter.activity_ms();
    samples = cutter.samples();
    return {};
  }

  // What the model left of a window is a window of its own.
  Result<> finish_window(Asked asked, Heard heard, Task& task, const std::vector<int>& before) {
    std::optional<Heard> first = std::move(heard);
    const double end = asked.window.start() + asked.window.seconds();
    while (true) {
      ANYNPU_TRY(settled, settle(asked, first ? &*first : nullptr, task));
      first.reset();
      const double seconds = asked.window.seconds();
      Pieces pieces = pieces_of(settled.heard, tokens_, seconds);
      if (settled.silence) pieces = {{}, seconds};
      ANYNPU_CHECK(add(asked, settled, pieces, task));
      const auto step = static_cast<std::size_t>(std::lround(pieces.through * kSampleRate));
      if (seconds - pieces.through < kLeastRest || step == 0) break;
      Window rest;
      rest.first = asked.window.first + step;
      rest.samples.assign(asked.window.samples.begin() + static_cast<std::ptrdiff_t>(step),
                          asked.window.samples.end());
      const std::size_t frames = std::min(step / kActivityFrame, asked.window.activity.size());
      rest.activity.assign(asked.window.activity.begin() + static_cast<std::ptrdiff_t>(frames),
                           asked.window.activity.end());
      if (std::none_of(rest.activity.begin(), rest.activity.end(),
                       [](float likely) { return likely >= kSpeech; }))
        break;
      asked = ask_about(std::move(rest), task, before);
    }
    task.builder.progress(end);
    return {};
  }

  static float first_temperature(const Task& task) {
    return task.options.temperatures.empty() ? 0.0F : task.options.temperatures[0];
  }
  static int beams(const Task& task) { return std::max(1, task.options.beam_size); }

  Asked ask_about(Window window, Task& task, const std::vector<int>& before) const {
    Asked asked;
    ++task.builder.transcript().windows;
    const TimePoint start = Clock::now();
    std::vector<float> samples = window.samples;
    samples.resize(kWindowSamples, 0.0F);
    auto features = std::make_shared<std::vector<float>>(static_cast<std::size_t>(kBins) *
                                                         task.front_end.frames(kWindowSamples));
    task.front_end.compute(std::span<const float>(samples), features->data());
    task.features_ms += ms_since(start);
    asked.features = std::move(features);
    if (!before.empty()) {
      asked.prompt.push_back(tokens_.previous);
      const std::size_t count = std::min(before.size(), kMostPrompt);
      asked.prompt.insert(asked.prompt.end(), before.end() - static_cast<std::ptrdiff_t>(count),
                          before.end());
    }
    asked.start_position = static_cast<int>(asked.prompt.size());
    asked.prompt.push_back(tokens_.start);
    asked.prompt.push_back(task.language >= 0 ? task.language : engine::kDetect);
    asked.prompt.push_back(task.options.translate ? tokens_.translate : tokens_.transcribe);
    asked.window = std::move(window);
    return asked;
  }

  Question question_of(const Asked& asked, float temperature, int beam_size) const {
    Question question;
    question.audio = asked.features;
    question.shape = {1, kBins, static_cast<std::int64_t>(asked.features->size()) / kBins};
    question.prompt = asked.prompt;
    question.settings = tokens_.settings();
    question.settings.start_position = asked.start_position;
    question.settings.temperature = temperature;
    question.settings.beam_size = temperature > 0 ? 1 : beam_size;
    question.suppress = tokens_.suppress;
    question.suppress_first = tokens_.suppress_first;
    return question;
  }

  // The first answer that the guards are content with, or the best one. `first` is the answer at
  // the first temperature, when it is there already.
  Result<Settled> settle(Asked& asked, const Heard* first, Task& task) const {
    const std::vector<float>& given = task.options.temperatures;
    const std::vector<float> temperatures = given.empty() ? std::vector<float>{0} : given;
    const bool by_ear = task.language < 0;
    std::optional<Attempt> best;
    for (std::size_t i = 0; i < temperatures.size(); ++i) {
      Attempt attempt;
      attempt.temperature = temperatures[i];
      if (i == 0 && first != nullptr) {
        attempt.heard = *first;
      } else {
        Question question = question_of(asked, temperatures[i], beams(task));
        question.settings.seed = static_cast<std::uint32_t>(i);
        ANYNPU_TRY(answer, task.listener.ask(std::move(question)).get());
        attempt.heard = std::move(answer.rows[0]);
        if (i > 0) ++task.builder.transcript().retries;
      }
      note_language(asked, attempt.heard, task);
      attempt.text = plain_text(attempt.heard);
      Verdict verdict = judge(attempt.heard, attempt.text, task.options);
      const bool doubtful = is_doubtful(attempt.heard) && !verdict.silence;
      if ((verdict.again || doubtful) && by_ear && i == 0) {
        const float sure = verdict.again ? kSureThoughBad : kSureOfLanguage;
        ANYNPU_CHECK(try_next_language(asked, attempt, sure, task));
        verdict = judge(attempt.heard, attempt.text, task.options);
      }
      const bool may_search =
          task.options.beam_size == 0 && temperatures[i] <= 0 && !verdict.silence;
      if (may_search && is_doubtful(attempt.heard)) {
        ANYNPU_CHECK(search_wider(asked, attempt, task));
        verdict = judge(attempt.heard, attempt.text, task.options);
      }
      if (!verdict.again)
        return Settled{std::move(attempt.heard), attempt.temperature, verdict.silence};
      if (!best || is_better(attempt, *best, task.options)) best = std::move(attempt);
    }
    return Settled{std::move(best->heard), best->temperature, false};
  }

  // The best of several texts, if it is better than the one that was followed alone.
  Result<> search_wider(const Asked& asked, Attempt& attempt, Task& task) const {
    ANYNPU_TRY(answer, task.listener.ask(question_of(asked, 0, kDoubtfulBeams)).get());
    ++task.builder.transcript().retries;
    Attempt wider{std::move(answer.rows[0]), {}, attempt.temperature};
    wider.text = plain_text(wider.heard);
    wider.heard.language = attempt.heard.language;
    wider.heard.languages = attempt.heard.languages;
    if (is_better(wider, attempt, task.options)) attempt = std::move(wider);
    return {};
  }

  // Unlikely text in a language that was heard with doubt: perhaps it is the next likeliest one.
  Result<> try_next_language(Asked& asked, Attempt& attempt, float sure, Task& task) const {
    std::vector<float> likely = attempt.heard.languages;
    const int heard = attempt.heard.language;
    const auto at = static_cast<std::size_t>(std::max(0, heard - tokens_.first_language));
    if (heard < 0 || at >= likely.size() || likely[at] >= sure) return {};
    likely[at] = 0;
    const auto next = std::max_element(likely.begin(), likely.end()) - likely.begin();
    const int other = tokens_.first_language + static_cast<int>(next);
    std::replace(asked.prompt.begin(), asked.prompt.end(), heard, other);
    ANYNPU_TRY(answer,
               task.listener.ask(question_of(asked, attempt.temperature, beams(task))).get());
    Transcript& transcript = task.builder.transcript();
    ++transcript.retries;
    Attempt again{std::move(answer.rows[0]), {}, attempt.temperature};
    again.text = plain_text(again.heard);
    if (!is_better(again, attempt, task.options)) {
      std::replace(asked.prompt.begin(), asked.prompt.end(), other, heard);
      return {};
    }
    task.language = other;
    transcript.language = tokens_.languages[static_cast<std::size_t>(next)];
    transcript.language_probability = likely[static_cast<std::size_t>(next)];
    attempt = std::move(again);
    return {};
  }

  // The language that was heard in the first window holds for all.
  void note_language(Asked& asked, const Heard& heard, Task& task) const {
    if (task.language >= 0 || heard.language < tokens_.first_language) return;
    const auto at = static_cast<std::size_t>(heard.language - tokens_.first_language);
    if (at >= tokens_.languages.size()) return;
    Transcript& transcript = task.builder.transcript();
    transcript.language = tokens_.languages[at];
    if (at < heard.languages.size()) transcript.language_probability = heard.languages[at];
    task.language = heard.language;
    std::replace(asked.prompt.begin(), asked.prompt.end(), engine::kDetect, heard.language);
  }

  std::string plain_text(const Heard& heard) const {
    return std::string(trim(parts_.tokenizer->decode(heard.tokens)));
  }

  static std::vector<int> text_of(const Pieces& pieces) {
    std::vector<int> text;
    for (const Piece& piece : pieces.pieces)
      text.insert(text.end(), piece.tokens.begin(), piece.tokens.end());
    return text;
  }

  Result<> add(const Asked& asked, const Settled& settled, const Pieces& pieces, Task& task) const {
    std::vector<std::vector<Word>> words(pieces.pieces.size());
    if (task.options.word_times && aligns() && !pieces.pieces.empty()) {
      auto found = align(asked, pieces, task);
      if (!found) return std::move(found).error();
      words = std::move(*found);
    }
    const double ratio = compression_ratio(plain_text(settled.heard));
    for (std::size_t i = 0; i < pieces.pieces.size(); ++i) {
      const Piece& piece = pieces.pieces[i];
      const std::string text = parts_.tokenizer->decode(piece.tokens);
      if (trim(text).empty()) continue;
      Segment segment;
      segment.seek = asked.window.start();
      segment.start = asked.window.start() + piece.start;
      segment.end = asked.window.start() + piece.end;
      segment.text = text;
      segment.tokens = piece.tokens;
      segment.temperature = settled.temperature;
      segment.avg_logprob = average_logprob(settled.heard);
      segment.compression_ratio = ratio;
      segment.no_speech_prob = settled.heard.no_speech;
      if (task.options.word_times)
        segment.words = aligns() ? std::move(words[i])
                                 : words_by_loudness(text, std::exp(segment.avg_logprob),
                                                     asked.window, segment.start, segment.end);
      task.builder.add(std::move(segment));
    }
    return {};
  }

  // Reads the written text once more, as a whole, and looks where the decoder listens.
  Result<std::vector<std::vector<Word>>> align(const Asked& asked, const Pieces& pieces,
                                               Task& task) const {
    const std::vector<int> text = text_of(pieces);
    Question question = question_of(asked, 0, 1);
    question.settings.max_tokens = 0;
    question.settings.start_position = 0;
    const int language = task.language >= 0 ? task.language : tokens_.first_language;
    question.prompt = {tokens_.start, language,
                       task.options.translate ? tokens_.translate : tokens_.transcribe,
                       tokens_.no_timestamps};
    const std::size_t before = question.prompt.size() - 1;  // the row that writes the first token
    question.prompt.insert(question.prompt.end(), text.begin(), text.end());
    question.prompt.push_back(tokens_.end);
    const std::vector<int>& heads = parts_.model->package().speech.alignment_heads;
    question.heads.assign(heads.begin(), heads.end());
    ANYNPU_TRY(answer, task.listener.ask(std::move(question)).get());
    const engine::Shape& shape = answer.attention_shape;
    if (shape.size() != 3 || static_cast<std::size_t>(shape[1]) != text.size() + before + 2)
      return Error{Code::kDevice, "the decoder's attention does not fit its text"};
    const auto head_count = static_cast<std::size_t>(shape[0]);
    const auto rows = static_cast<std::size_t>(shape[1]);
    const auto frames = static_cast<std::size_t>(shape[2]);
    std::vector<float> attention;
    for (std::size_t head = 0; head < head_count; ++head) {
      const auto from =
          answer.attention.begin() + static_cast<std::ptrdiff_t>((head * rows + before) * frames);
      attention.insert(attention.end(), from,
                       from + static_cast<std::ptrdiff_t>((text.size() + 1) * frames));
    }
    const auto used = static_cast<std::size_t>(std::ceil(asked.window.seconds() / kFrameSeconds));
    const std::vector<double> begins =
        token_frames(attention, head_count, text.size() + 1, frames, used);

    std::vector<std::vector<Word>> words;
    const bool spaces = has_spaces(task.builder.transcript().language);
    std::size_t at = 0;
    for (const Piece& piece : pieces.pieces) {
      words.push_back(words_from_tokens(*parts_.tokenizer, piece.tokens, piece.logprobs,
                                        std::span(begins).subspan(at, piece.tokens.size() + 1),
                                        kFrameSeconds, asked.window.start(), spaces));
      at += piece.tokens.size();
    }
    return words;
  }

  const PipelineParts parts_;
  const WhisperTokens tokens_;
  const mel::FrontEnd front_end_;
  const std::vector<std::string> languages_;
};

}  // namespace

Result<std::unique_ptr<Transcriber>> open_whisper(PipelineParts parts) {
  ANYNPU_TRY(tokens, WhisperTokens::find(*parts.tokenizer));
  const mel::Kernel& kernel = parts.features != nullptr ? *parts.features : mel::kernels().front();
  ANYNPU_TRY(front_end, mel::FrontEnd::create(mel::whisper(kBins), kernel));
  std::vector<std::string> languages;
  for (const std::string& code : tokens.languages)
    if (!code.empty()) languages.push_back(code);
  return std::unique_ptr<Transcriber>(std::make_unique<Whisper>(
      std::move(parts), std::move(tokens), std::move(front_end), std::move(languages)));
}

Result<Question> whisper_canary(const Tokenizer& tokenizer, const std::vector<float>& sound) {
  ANYNPU_TRY(tokens, WhisperTokens::find(tokenizer));
  ANYNPU_TRY(front_end, mel::FrontEnd::create(mel::whisper(kBins)));
  std::vector<float> samples = sound;
  samples.resize(kWindowSamples, 0.0F);
  std::vector<float> features(static_cast<std::size_t>(kBins) * front_end.frames(kWindowSamples));
  front_end.compute(std::span<const float>(samples), features.data());
  Question question;
  question.shape = {1, kBins, static_cast<std::int64_t>(features.size()) / kBins};
  question.audio = std::make_shared<const std::vector<float>>(std::move(features));
  question.prompt = {tokens.start, tokens.first_language, tokens.transcribe};
  question.settings = tokens.settings();
  question.settings.max_tokens = 12;
  question.suppress = tokens.suppress;
  question.suppress_first = tokens.suppress_first;
  return question;
}

}  // namespace anynpu::speech
