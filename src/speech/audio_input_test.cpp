// SPDX-License-Identifier: Apache-2.0
// Bytes to samples: what is skipped, what is refused, what is told.
#include "speech/audio_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wav_file.h"

namespace anynpu::speech {
namespace {

using test::wav_file;
using testing::HasSubstr;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

Result<std::vector<float>> all_of(AudioInput& input) {
  std::vector<float> samples;
  while (true) {
    ANYNPU_TRY(more, input.read(samples));
    if (!more) return samples;
  }
}

TEST(AudioInput, GivesTheSamplesAndTheirLength) {
  const std::string file = wav_file(2, 8000);
  auto source = audio::memory_source(bytes_of(file));
  AudioInput input(*source);
  EXPECT_FALSE(input.duration());
  auto samples = all_of(input);
  ASSERT_TRUE(samples) << samples.error().message;
  EXPECT_NEAR(static_cast<double>(samples->size()), 32000, 2);
  EXPECT_DOUBLE_EQ(*input.duration(), 2);
  EXPECT_TRUE(input.notes().empty());
  EXPECT_EQ(input.format(), "WAV");
}

TEST(AudioInput, SkipsTheStart) {
  const std::string file = wav_file(3, 16000);
  auto whole_source = audio::memory_source(bytes_of(file));
  AudioInput whole(*whole_source);
  auto want = all_of(whole);
  auto source = audio::memory_source(bytes_of(file));
  AudioInput input(*source, {}, {}, 1.25);
  auto got = all_of(input);
  ASSERT_TRUE(got);
  ASSERT_EQ(got->size(), 28000U);
  EXPECT_TRUE(std::equal(got->begin(), got->end(), want->begin() + 20000));
  EXPECT_DOUBLE_EQ(*input.duration(), 1.75);
}

TEST(AudioInput, RefusesNothingAndTooMuch) {
  const std::string none = wav_file(0, 16000);
  auto none_source = audio::memory_source(bytes_of(none));
  AudioInput silent(*none_source);
  auto nothing = all_of(silent);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, Code::kInvalid);
  EXPECT_THAT(nothing.error().message, HasSubstr("no sound"));

  const std::string file = wav_file(3, 16000);
  auto source = audio::memory_source(bytes_of(file));
  AudioInput input(*source, {.most_seconds = 1});
  auto too_much = all_of(input);
  ASSERT_FALSE(too_much);
  EXPECT_EQ(too_much.error().code, Code::kTooLarge);
}

TEST(AudioInput, RefusesByTheHeaderOfAWholeFile) {
  const std::string file = wav_file(3, 16000);
  auto source = audio::memory_source(bytes_of(file));
  AudioInput input(*source, {.most_seconds = 2});
  std::vector<float> samples;
  auto refused = input.read(samples);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kTooLarge);
  EXPECT_TRUE(samples.empty());

  audio::ArrivingBytes arriving(1 << 20);
  const std::string claims = wav_file(1, 16000, 0xF0000000U);
  ASSERT_TRUE(arriving.append(bytes_of(claims)));
  AudioInput liar(arriving, {.most_seconds = 2});
  EXPECT_TRUE(liar.read(samples)) << "what arrives is believed by its samples";
  arriving.end();
}

TEST(AudioInput, TakesSamplesWithoutAHeader) {
  const std::string file = wav_file(2, 16000);
  const std::string bare = file.substr(44) + "x";  // and half a sample
  auto with_header = audio::memory_source(bytes_of(file));
  AudioInput wav(*with_header);
  auto source = audio::memory_source(bytes_of(bare));
  AudioInput input(*source, {}, {}, 0.5, true);
  auto samples = all_of(input);
  ASSERT_TRUE(samples) << samples.error().message;
  auto want = all_of(wav);
  ASSERT_EQ(samples->size(), 24000U);
  EXPECT_TRUE(std::equal(samples->begin(), samples->end(), want->begin() + 8000));
  EXPECT_DOUBLE_EQ(*input.duration(), 1.5);
  EXPECT_EQ(input.format(), "PCM");
  EXPECT_TRUE(input.notes().empty());

  auto nothing = audio::memory_source({});
  AudioInput silent(*nothing, {}, {}, 0, true);
  EXPECT_THAT(all_of(silent).error().message, HasSubstr("no sound"));
}

TEST(AudioInput, SaysWhatIsMissing) {
  const std::string file = wav_file(2, 16000).substr(0, 30044);
  auto source = audio::memory_source(bytes_of(file));
  AudioInput input(*source);
  auto samples = all_of(input);
  ASSERT_TRUE(samples);
  EXPECT_EQ(samples->size(), 15000U);
  // libsndfile corrects the header by the file's size; when it does not, it is told.
  for (const std::string& note : input.notes()) EXPECT_THAT(note, HasSubstr("0.9 s"));
}

}  // namespace
}  // namespace anynpu::speech
