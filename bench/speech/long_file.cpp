// SPDX-License-Identifier: Apache-2.0
// A long recording on two cores: one window at a time, windows side by side, and several windows in
// one run of the model. The designs take turns, round after round, over the same windows.
//
//   speech_long_file MODEL FOLDER [rounds=N] [windows=N]
//
// FOLDER has clips and transcripts.tsv; they are joined with pauses of 0.4 s and cut into windows
// of up to 30 s, as `transcribe` does it. Windows that run together are made equally long with
// silence.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <future>
#include <map>
#include <string>

#include <fmt/format.h>

#include "audio/mono.h"
#include "base/clock.h"
#include "bench/speech/word_error.h"
#include "mel/front_end.h"
#include "model/store.h"
#include "runtime/served_model.h"
#include "speech/listener.h"
#include "speech/pipeline.h"
#include "speech/whisper_tokens.h"

namespace anynpu {
namespace {

int fail(const Error& error) {
  fmt::print(stderr, "{} {}\n", error.message, error.hint);
  return 1;
}

struct Design {
  const char* name;
  int workers, threads;
  std::size_t rows;
};
constexpr std::array<Design, 7> kDesigns = {{{"one at a time, 1 thread", 1, 1, 1},
                                             {"one at a time, 2 threads", 1, 2, 1},
                                             {"side by side, 2 workers", 2, 1, 1},
                                             {"2 in one run, 2 threads", 1, 2, 2},
                                             {"4 in one run, 2 threads", 1, 2, 4},
                                             {"2 in one run, 2 workers", 2, 1, 2},
                                             {"4 in one run, 2 workers", 2, 1, 4}}};

// A session remembers what it heard in its last run: with fewer windows a round would find those of
// the round before.
constexpr std::size_t kLeastWindows = 16;

struct Sound {
  std::string said;
  std::vector<std::vector<float>> windows;
};

Result<Sound> sound_of(const std::filesystem::path& folder, std::size_t most) {
  std::vector<float> samples;
  Sound sound;
  for (const test::Clip& clip : test::clips_of(folder)) {
    ANYNPU_TRY(source, audio::file_source(clip.file));
    ANYNPU_TRY(one, audio::read_mono(*source, speech::kSampleRate, 3600));
    samples.insert(samples.end(), one.begin(), one.end());
    samples.resize(samples.size() + std::size_t{2} * speech::kSampleRate / 5, 0.0F);
    sound.said += clip.text + " ";
  }
  const auto source = speech::pcm_source(std::move(samples));
  const auto activity = speech::loudness_activity();
  speech::WindowCutter cutter(*source, *activity, 30);
  while (sound.windows.size() < most) {
    ANYNPU_TRY(window, cutter.next());
    if (!window) break;
    sound.windows.push_back(std::move(window->samples));
  }
  return sound;
}

/// Makes questions of windows.
class Asker {
 public:
  static Result<Asker> open(const model::Package& package) {
    ANYNPU_TRY(tokenizer, speech::Tokenizer::open(package.speech.tokenizer));
    Asker asker(std::move(tokenizer));
    if (package.speech.kind == model::Speech::Kind::kWhisper) {
      ANYNPU_TRY(tokens, speech::WhisperTokens::find(asker.tokenizer_));
      asker.whisper_ = std::move(tokens);
    }
    return asker;
  }

  std::string text_of(const speech::Heard& heard) const { return tokenizer_.decode(heard.tokens); }

  speech::Question question(std::span<const std::vector<float>> windows) const {
    std::size_t longest = whisper_ ? std::size_t{30} * speech::kSampleRate : 0;
    for (const auto& window : windows) longest = std::max(longest, window.size());
    const auto rows = static_cast<std::int64_t>(windows.size());
    speech::Question question;
    std::vector<float> audio;
    if (whisper_) {
      auto front_end = mel::FrontEnd::create(mel::whisper());
      const std::size_t frames = front_end->frames(longest);
      audio.resize(windows.size() * 80 * frames);
      for (std::size_t i = 0; i < windows.size(); ++i) {
        std::vector<float> samples = windows[i];
        samples.resize(longest, 0.0F);
        front_end->compute(std::span<const float>(samples), audio.data() + i * 80 * frames);
      }
      question.settings = whisper_->settings();
      question.suppress = whisper_->suppress;
      question.suppress_first = whisper_->suppress_first;
      question.shape = {rows, 80, static_cast<std::int64_t>(frames)};
    } else {
      for (const auto& window : windows) {
        audio.insert(audio.end(), window.begin(), window.end());
        audio.resize(audio.size() + longest - window.size(), 0.0F);
      }
      question.settings.max_tokens = 200;
      question.settings.repeat_limit = 8;
      question.shape = {rows, static_cast<std::int64_t>(longest)};
    }
    for (std::int64_t row = 0; row < rows; ++row)
      for (const int token : whisper_ ? std::vector<int>{whisper_->start, whisper_->language("en"),
                                                         whisper_->transcribe}
                                      : std::vector<int>{1})
        question.prompt.push_back(token);
    question.audio = std::make_shared<const std::vector<float>>(std::move(audio));
    return question;
  }

 private:
  explicit Asker(speech::Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)) {}
  speech::Tokenizer tokenizer_;
  std::optional<speech::WhisperTokens> whisper_;
};

struct Run {
  double ms = 0;
  std::vector<std::string> texts;
};

Result<Run> run(const Design& design, runtime::ServedModel& model, const Asker& asker,
                const std::vector<std::vector<float>>& windows) {
  Run done;
  speech::Listener listener(model, seconds(600), {});
  const TimePoint start = Clock::now();
  std::deque<std::future<Result<speech::Answer>>> waiting;
  std::size_t next = 0;
  while (next < windows.size() || !waiting.empty()) {
    while (next < windows.size() && waiting.size() < static_cast<std::size_t>(design.workers)) {
      const std::size_t rows = std::min(design.rows, windows.size() - next);
      waiting.push_back(listener.ask(asker.question(std::span(windows).subspan(next, rows))));
      next += rows;
    }
    ANYNPU_TRY(answer, waiting.front().get());
    waiting.pop_front();
    for (const speech::Heard& heard : answer.rows) done.texts.push_back(asker.text_of(heard));
  }
  done.ms = ms_since(start);
  return done;
}

double middle(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int compare(const std::string& name, const std::string& folder, int rounds, std::size_t most) {
  auto package = model::open_package(name);
  if (!package) return fail(package.error());
  auto asker = Asker::open(*package);
  if (!asker) return fail(asker.error());
  auto sound = sound_of(folder, most);
  if (!sound) return fail(sound.error());
  if (sound->windows.size() < kLeastWindows)
    return fail({Code::kInvalid, fmt::format("{} windows are too few", sound->windows.size()), 0,
                 fmt::format("it takes {}", kLeastWindows)});
  auto canary = speech::canary(*package);
  if (!canary) return fail(canary.error());
  std::vector<std::unique_ptr<runtime::ServedModel>> models;
  for (const Design& design : kDesigns) {
    runtime::ServeOptions options;
    options.isolated = false;
    options.policy = runtime::Policy::kCpuOnly;
    options.instances = design.workers;
    options.threads = design.threads;
    auto served = runtime::ServedModel::start(*package, package->latest().number, *canary, options);
    if (!served) return fail(served.error());
    models.push_back(std::move(*served));
  }
  std::array<std::vector<double>, kDesigns.size()> times;
  std::array<std::vector<std::string>, kDesigns.size()> texts;
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < kDesigns.size(); ++i) {
      const std::size_t at = round % 2 == 0 ? i : kDesigns.size() - 1 - i;
      auto done = run(kDesigns[at], *models[at], *asker, sound->windows);
      if (!done) return fail(done.error());
      times[at].push_back(done->ms);
      texts[at] = std::move(done->texts);
    }
  }
  fmt::print("{}: {} windows, {} rounds; faster than one at a time with 1 thread (and with 2)\n",
             name, sound->windows.size(), rounds);
  for (std::size_t at = 0; at < kDesigns.size(); ++at) {
    std::vector<double> over_one, over_two;
    for (std::size_t round = 0; round < times[at].size(); ++round) {
      over_one.push_back(times[0][round] / times[at][round]);
      over_two.push_back(times[1][round] / times[at][round]);
    }
    std::string all;
    std::size_t other = 0;
    for (std::size_t i = 0; i < texts[at].size(); ++i) {
      all += texts[at][i] + " ";
      other += texts[at][i] != texts[0][i] ? 1 : 0;
    }
    test::WordErrors errors;
    errors.add(sound->said, all);
    fmt::print("  {:26} {:7.0f} ms  {:.2f}x ({:.2f}x)  other text in {} windows", kDesigns[at].name,
               middle(times[at]), middle(over_one), middle(over_two), other);
    fmt::print("{}\n", most < 100000 ? "" : fmt::format(", {:.2f} % of words", errors.percent()));
  }
  return 0;
}

int program(int argc, char** argv) {
  if (argc < 3)
    return fail({Code::kInvalid, "speech_long_file MODEL FOLDER [rounds=N] [windows=N]"});
  std::map<std::string, int> settings = {{"rounds", 3}, {"windows", 100000}};
  for (int i = 3; i < argc; ++i) {
    const std::string word = argv[i];
    settings[word.substr(0, word.find('='))] = std::atoi(word.c_str() + word.find('=') + 1);
  }
  return compare(argv[1], argv[2], settings["rounds"],
                 static_cast<std::size_t>(settings["windows"]));
}

}  // namespace
}  // namespace anynpu

int main(int argc, char** argv) {
  return anynpu::program(argc, argv);
}
