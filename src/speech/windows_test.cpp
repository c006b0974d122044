// SPDX-License-Identifier: Apache-2.0
// Cutting audio into windows: everything that is said is in one, nothing is in two, none is too
// long, and silence is in none.
#include "speech/windows.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "speech/word_times.h"

namespace anynpu::speech {
namespace {

// Tones for speech, a whisper of noise for silence.
class Sound {
 public:
  Sound& speech(double seconds) { return add(seconds, 0.3F); }
  Sound& silence(double seconds) { return add(seconds, 0.0005F); }
  std::unique_ptr<PcmSource> source() const { return pcm_source(samples_); }
  std::size_t size() const { return samples_.size(); }

 private:
  Sound& add(double seconds, float loud) {
    for (int i = 0; i < static_cast<int>(seconds * kSampleRate); ++i)
      samples_.push_back(loud * static_cast<float>(std::sin(0.3 * i) + 0.3 * std::sin(1.1 * i)));
    return *this;
  }
  std::vector<float> samples_;
};

std::vector<Window> cut(const Sound& sound, double most_seconds) {
  const auto source = sound.source();
  const auto activity = loudness_activity();
  WindowCutter cutter(*source, *activity, most_seconds);
  std::vector<Window> windows;
  std::size_t end = 0;
  while (true) {
    auto window = cutter.next();
    if (!window) {
      ADD_FAILURE() << window.error().message;
      break;
    }
    if (!*window) break;
    EXPECT_GE((*window)->first, end) << "windows overlap";
    EXPECT_LE((*window)->seconds(), most_seconds + 0.04);
    end = (*window)->first + (*window)->samples.size();
    windows.push_back(std::move(**window));
  }
  EXPECT_EQ(cutter.samples(), sound.size());
  return windows;
}

TEST(WindowCutter, AShortClipIsOneWindowAsItIs) {
  const auto windows = cut(Sound().silence(1).speech(2).silence(1.5), 10);
  ASSERT_EQ(windows.size(), 1U);
  EXPECT_EQ(windows[0].first, 0U);
  EXPECT_NEAR(windows[0].seconds(), 4.5, 0.001);
  EXPECT_NEAR(windows[0].speech_start(), 1, 0.1);
  EXPECT_NEAR(windows[0].speech_end(), 3, 0.1);
}

TEST(WindowCutter, SilenceHasNoWindows) {
  EXPECT_TRUE(cut(Sound(), 10).empty());
  EXPECT_TRUE(cut(Sound().silence(3), 10).empty());
  EXPECT_TRUE(cut(Sound().silence(100), 10).empty());
}

TEST(WindowCutter, LongPausesAreCutAway) {
  const auto windows = cut(Sound().silence(8).speech(3).silence(9).speech(4).silence(20), 10);
  ASSERT_EQ(windows.size(), 2U);
  EXPECT_NEAR(windows[0].start(), 7.7, 0.2);
  EXPECT_NEAR(windows[0].start() + windows[0].seconds(), 11.3, 0.2);
  EXPECT_NEAR(windows[1].speech_start(), 20, 0.2);
  EXPECT_NEAR(windows[1].speech_end(), 24, 0.2);
}

TEST(WindowCutter, CutsInThePauseThatFitsBest) {
  const auto windows = cut(
      Sound().silence(5).speech(4).silence(0.6).speech(4).silence(0.6).speech(4).silence(5), 10);
  ASSERT_EQ(windows.size(), 2U);
  const double end = windows[0].start() + windows[0].seconds();
  EXPECT_GT(end, 13.5);
  EXPECT_LT(end, 14.3);
}

TEST(WindowCutter, SpeechWithoutAPauseIsCutAllTheSame) {
  const auto windows = cut(Sound().silence(2).speech(47).silence(2), 10);
  ASSERT_GE(windows.size(), 5U);
  for (std::size_t i = 1; i + 1 < windows.size(); ++i)
    EXPECT_EQ(windows[i].first, windows[i - 1].first + windows[i - 1].samples.size())
        << "something between two windows was lost";
}

TEST(WordsByLoudness, ShareTheSpeechAndSkipTheSilence) {
  const auto windows = cut(Sound().silence(1).speech(1).silence(2).speech(1).silence(1), 30);
  ASSERT_EQ(windows.size(), 1U);
  const auto words = words_by_loudness(" one two", 0.5, windows[0], 1, 5);
  ASSERT_EQ(words.size(), 2U);
  EXPECT_EQ(words[0].word, "one");
  EXPECT_NEAR(words[0].start, 1, 0.1);
  EXPECT_LE(words[0].end, words[1].start + 1e-9);
  EXPECT_NEAR(words[1].end, 5, 0.1);
  EXPECT_TRUE(words_by_loudness("  ", 0.5, windows[0], 1, 5).empty());
}

}  // namespace
}  // namespace anynpu::speech
