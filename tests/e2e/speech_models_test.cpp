// SPDX-License-Identifier: Apache-2.0
// The speech models of the catalog, over real voices: what they hear, when, and that long audio is
// cut, heard in order and forgotten.
//
// The voices of Debian's alsa-utils are always there (`tools/setup test` fetches them); with an
// ANYNPU_MIRROR that has speech/transcripts.tsv, some of its clips are added.
#include <algorithm>
#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audio/mono.h"
#include "bench/speech/word_error.h"
#include "mel/xdna/tile_kernel.h"
#include "model/folders.h"
#include "model/store.h"
#include "runtime/served_model.h"
#include "speech/subtitles.h"
#include "speech/transcriber.h"

namespace anynpu {
namespace {

namespace fs = std::filesystem;
using speech::kSampleRate;

const std::vector<test::Clip>& voices() {
  static const std::vector<test::Clip> clips = [] {
    const fs::path folder = model::user_data_folder() / "test-sounds";
    return std::vector<test::Clip>{
        {folder / "Front_Center.wav", "front center"}, {folder / "Front_Left.wav", "front left"},
        {folder / "Front_Right.wav", "front right"},   {folder / "Rear_Center.wav", "rear center"},
        {folder / "Side_Left.wav", "side left"},       {folder / "Side_Right.wav", "side right"}};
  }();
  return clips;
}

std::vector<test::Clip> clips_of_mirror(std::size_t most) {
  for (const fs::path& mirror : model::folder_list("ANYNPU_MIRROR")) {
    std::vector<test::Clip> clips = test::clips_of(mirror / "speech");
    if (clips.empty()) continue;
    clips.resize(std::min(clips.size(), most));
    return clips;
  }
  return {};
}

std::vector<float> samples_of(const fs::path& file) {
  auto source = audio::file_source(file);
  if (!source) {
    ADD_FAILURE() << source.error().message << "\nRun tools/setup test, which fetches it.";
    return {};
  }
  auto samples = audio::read_mono(**source, kSampleRate, 100);
  EXPECT_TRUE(samples);
  return samples ? *samples : std::vector<float>();
}

std::shared_ptr<runtime::ServedModel> serve(const std::string& name) {
  auto package = model::open_package(name);
  if (!package) {
    ADD_FAILURE() << package.error().message << "\nThe tests need this model: anynpu models pull "
                  << name;
    return nullptr;
  }
  auto canary = speech::canary(*package);
  runtime::ServeOptions options;
  options.isolated = false;
  options.policy = runtime::Policy::kCpuOnly;
  options.hang_limit = seconds(120);
  EXPECT_TRUE(canary) << canary.error().message;
  if (!canary) return nullptr;
  auto served = runtime::ServedModel::start(*package, package->latest().number, *canary, options);
  EXPECT_TRUE(served) << served.error().message;
  return served ? std::shared_ptr<runtime::ServedModel>(std::move(*served)) : nullptr;
}

/// Loaded once for all tests.
speech::Transcriber* open(const std::string& name, const std::string& vad = "",
                          const mel::Kernel* features = nullptr) {
  static auto& opened = *new std::map<std::string, std::unique_ptr<speech::Transcriber>>;
  std::unique_ptr<speech::Transcriber>& known =
      opened[name + " " + vad + " " + (features != nullptr ? features->name : "")];
  if (known) return known.get();
  auto model = serve(name);
  auto detector = vad.empty() ? nullptr : serve(vad);
  if (!model || (!vad.empty() && !detector)) return nullptr;
  auto transcriber = speech::Transcriber::open(std::move(model), std::move(detector), features);
  EXPECT_TRUE(transcriber) << transcriber.error().message;
  if (transcriber) known = std::move(*transcriber);
  return known.get();
}

speech::Transcript hear(speech::Transcriber& transcriber, std::vector<float> samples,
                        const speech::TranscribeOptions& options = {}) {
  const auto source = speech::pcm_source(std::move(samples));
  auto transcript = transcriber.transcribe(*source, options);
  EXPECT_TRUE(transcript) << transcript.error().message;
  return transcript ? *transcript : speech::Transcript();
}

double word_error(speech::Transcriber& transcriber, const std::vector<test::Clip>& clips) {
  test::WordErrors errors;
  for (const test::Clip& clip : clips)
    errors.add(clip.text, hear(transcriber, samples_of(clip.file)).text);
  std::printf("%zu clips, %zu of %zu words wrong: %.1f %%\n", clips.size(), errors.errors,
              errors.words, errors.percent());
  return errors.percent();
}

// The voices one after the other, with pauses between them.
std::vector<float> in_a_row(double pause) {
  std::vector<float> all;
  for (const test::Clip& clip : voices()) {
    const std::vector<float> samples = samples_of(clip.file);
    all.insert(all.end(), samples.begin(), samples.end());
    all.resize(all.size() + static_cast<std::size_t>(pause * kSampleRate), 0.0F);
  }
  return all;
}

void expect_in_order(const speech::Transcript& transcript) {
  double last = 0;
  for (std::size_t i = 0; i < transcript.segments.size(); ++i) {
    const speech::Segment& segment = transcript.segments[i];
    EXPECT_EQ(segment.id, static_cast<int>(i));
    EXPECT_GE(segment.start, last - 0.5);
    EXPECT_GE(segment.end, segment.start);
    EXPECT_LE(segment.end, transcript.duration + 0.5);
    last = segment.start;
    double word_end = segment.start - 1;
    for (const speech::Word& word : segment.words) {
      EXPECT_FALSE(word.word.empty());
      EXPECT_GE(word.start, word_end - 1e-6);
      EXPECT_GE(word.end, word.start);
      word_end = word.start;
    }
  }
}

TEST(Moonshine, HearsVoices) {
  speech::Transcriber* moonshine = open("moonshine_tiny");
  ASSERT_NE(moonshine, nullptr);
  EXPECT_LE(word_error(*moonshine, voices()), 10);
  if (const auto more = clips_of_mirror(10); !more.empty()) {
    EXPECT_LE(word_error(*moonshine, more), 16);
  }
}

TEST(Moonshine, CutsLongAudioWhereNobodySpeaks) {
  speech::Transcriber* moonshine = open("moonshine_tiny", "silero_vad");
  ASSERT_NE(moonshine, nullptr);
  const std::vector<float> sound = in_a_row(6);
  ASSERT_GT(sound.size(), 40U * kSampleRate);
  std::vector<int> told;
  double done = 0;
  speech::TranscribeOptions options;
  options.word_times = true;
  options.on_segment = [&](const speech::Segment& segment) { told.push_back(segment.id); };
  options.on_progress = [&](const speech::Progress& progress) {
    EXPECT_GE(progress.done, done);
    done = progress.done;
  };
  const speech::Transcript transcript = hear(*moonshine, sound, options);
  EXPECT_EQ(transcript.segments.size(), voices().size());
  EXPECT_EQ(told.size(), transcript.segments.size());
  EXPECT_NEAR(transcript.duration, static_cast<double>(sound.size()) / kSampleRate, 1e-3);
  EXPECT_NEAR(done, transcript.duration, 1e-3);
  EXPECT_EQ(transcript.language, "en");
  EXPECT_EQ(transcript.device, "cpu");
  expect_in_order(transcript);
  std::string said;
  for (const test::Clip& clip : voices()) said += clip.text + " ";
  test::WordErrors errors;
  errors.add(said, transcript.text);
  EXPECT_LE(errors.percent(), 25) << transcript.text;
}

TEST(Moonshine, ItsSubtitlesAreCutBetweenWordsThatNobodyAskedFor) {
  speech::Transcriber* moonshine = open("moonshine_tiny");
  ASSERT_NE(moonshine, nullptr);
  speech::TranscribeOptions options;
  options.prompt = "Front, rear and side.";
  const speech::Transcript transcript = hear(*moonshine, in_a_row(0.1), options);
  ASSERT_TRUE(std::any_of(transcript.segments.begin(), transcript.segments.end(),
                          [](const auto& segment) { return segment.end - segment.start > 7; }));
  for (const speech::Cue& cue : speech::cues(transcript)) {
    EXPECT_LE(cue.end - cue.start, 7.01) << cue.text;
    EXPECT_LE(cue.text.size(), 84U);
  }
  EXPECT_THAT(transcript.notes, testing::Contains("moonshine_tiny takes no prompt"));
}

TEST(Moonshine, SilenceIsATranscriptWithoutSegments) {
  speech::Transcriber* moonshine = open("moonshine_tiny");
  ASSERT_NE(moonshine, nullptr);
  for (const std::size_t count :
       {std::size_t{0}, std::size_t{100}, std::size_t{40} * kSampleRate}) {
    const auto transcript = hear(*moonshine, std::vector<float>(count, 0.0F));
    EXPECT_TRUE(transcript.segments.empty()) << transcript.text;
    EXPECT_EQ(transcript.text, "");
  }
}

TEST(Moonshine, SaysWhatItCannotDo) {
  speech::Transcriber* moonshine = open("moonshine_tiny");
  ASSERT_NE(moonshine, nullptr);
  speech::TranscribeOptions german, translation;
  german.language = "de";
  translation.translate = true;
  for (const auto& options : {german, translation}) {
    const auto source = speech::pcm_source(std::vector<float>(1600, 0.1F));
    const auto transcript = moonshine->transcribe(*source, options);
    ASSERT_FALSE(transcript);
    EXPECT_EQ(transcript.error().code, Code::kUnsupported);
    EXPECT_FALSE(transcript.error().hint.empty());
  }
}

TEST(Moonshine, StopsWhenItIsTold) {
  speech::Transcriber* moonshine = open("moonshine_tiny");
  ASSERT_NE(moonshine, nullptr);
  std::stop_source stop;
  speech::TranscribeOptions options;
  options.stop = stop.get_token();
  options.on_segment = [&](const speech::Segment&) { stop.request_stop(); };
  const auto source = speech::pcm_source(in_a_row(10));
  const auto transcript = moonshine->transcribe(*source, options);
  ASSERT_FALSE(transcript);
  EXPECT_EQ(transcript.error().code, Code::kCancelled);
}

TEST(Whisper, HearsTheLanguageTheWordsAndTheirTimes) {
  speech::Transcriber* whisper = open("whisper_base");
  ASSERT_NE(whisper, nullptr);
  EXPECT_EQ(whisper->languages().size(), 99U);
  EXPECT_TRUE(whisper->can_translate());
  speech::TranscribeOptions options;
  options.word_times = true;
  const speech::Transcript transcript = hear(*whisper, in_a_row(1), options);
  EXPECT_EQ(transcript.language, "en");
  ASSERT_TRUE(transcript.language_probability);
  EXPECT_GT(*transcript.language_probability, 0.5);
  std::string said;
  for (const test::Clip& clip : voices()) said += clip.text + " ";
  test::WordErrors errors;
  errors.add(said, transcript.text);
  EXPECT_LE(errors.percent(), 35) << transcript.text;
  expect_in_order(transcript);
  std::size_t words = 0;
  for (const speech::Segment& segment : transcript.segments) words += segment.words.size();
  EXPECT_GE(words, 8U);
}

TEST(Whisper, SearchesWiderWhereItsTextIsDoubtful) {
  speech::Transcriber* whisper = open("whisper_base");
  ASSERT_NE(whisper, nullptr);
  speech::TranscribeOptions greedy, usual;
  greedy.beam_size = 1;
  for (speech::TranscribeOptions* options : {&greedy, &usual}) {
    options->language = "en";
    options->temperatures = {0};
  }
  const auto likelihood = [](const speech::Transcript& transcript) {
    return transcript.segments.empty() ? 0 : transcript.segments[0].avg_logprob;
  };
  int doubtful = 0, sure = 0;
  for (const bool noisy : {false, true}) {
    std::vector<float> sound = noisy ? samples_of(voices()[0].file) : in_a_row(0.1);
    std::mt19937 random(1);
    for (float& sample : sound)
      if (noisy)
        sample += 0.1F * (static_cast<float>(random()) / static_cast<float>(1U << 31U) - 1);
    const speech::Transcript alone = hear(*whisper, sound, greedy);
    const speech::Transcript best = hear(*whisper, sound, usual);
    EXPECT_EQ(alone.retries, 0);
    EXPECT_GE(likelihood(best), likelihood(alone) - 1e-6);
    EXPECT_EQ(best.retries, likelihood(alone) < -0.45 ? 1 : 0) << alone.text;
    (best.retries > 0 ? doubtful : sure) += 1;
  }
  EXPECT_GT(doubtful, 0);
  EXPECT_GT(sure, 0);
}

TEST(Whisper, HearsTheFeaturesOfAnNpusTile) {
  speech::Transcriber* whisper = open("whisper_base", "", &mel::xdna::tile_kernel());
  ASSERT_NE(whisper, nullptr);
  EXPECT_LE(word_error(*whisper, {voices()[0], voices()[1]}), 30);
  if (const auto more = clips_of_mirror(2); !more.empty()) {
    EXPECT_LE(word_error(*whisper, more), 20);
  }
}

TEST(Whisper, HearsClips) {
  const auto more = clips_of_mirror(3);
  speech::Transcriber* whisper = open("whisper_base");
  ASSERT_NE(whisper, nullptr);
  EXPECT_LE(word_error(*whisper, {voices()[0], voices()[1]}), 30);
  if (!more.empty()) {
    EXPECT_LE(word_error(*whisper, more), 20);
  }
}

}  // namespace
}  // namespace anynpu
