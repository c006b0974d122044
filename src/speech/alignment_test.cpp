// SPDX-License-Identifier: Apache-2.0
// Aligning tokens with sound, and the guards.
#include "speech/alignment.h"

#include <cmath>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "speech/guards.h"
#include "speech/languages.h"
#include "speech/word_times.h"

namespace anynpu::speech {
namespace {

using ::testing::ElementsAre;

TEST(Warp, FollowsTheCheapestWay) {
  const std::vector<float> cost = {0, 0, 9, 9, 9,  //
                                   9, 9, 0, 9, 9,  //
                                   9, 9, 9, 0, 0};
  EXPECT_THAT(warp(cost, 3, 5), ElementsAre(0, 2, 3));
  EXPECT_THAT(warp(std::vector<float>{1}, 1, 1), ElementsAre(0));
  EXPECT_THAT(warp(std::vector<float>{1, 1, 1}, 3, 1), ElementsAre(0, 0, 0));
}

TEST(TokenFrames, AreWhereTheHeadsLook) {
  // Two heads, four tokens, 60 frames of which 48 carry sound: token i is heard at 12 i to 12 i
  // + 11.
  constexpr std::size_t kFrames = 60, kTokens = 4;
  std::vector<float> attention;
  for (int head = 0; head < 2; ++head)
    for (std::size_t token = 0; token < kTokens; ++token)
      for (std::size_t frame = 0; frame < kFrames; ++frame)
        attention.push_back(frame / 12 == token ? 0.07F : 0.003F);
  const auto begins = token_frames(attention, 2, kTokens, kFrames, 48);
  ASSERT_EQ(begins.size(), kTokens + 1);
  for (std::size_t token = 0; token < kTokens; ++token)
    EXPECT_NEAR(begins[token], 12.0 * static_cast<double>(token), 2) << token;
  EXPECT_EQ(begins[kTokens], 48);
}

TEST(WordsFromTokens, AWordGoesFromSpaceToSpace) {
  const auto tokenizer = Tokenizer::parse(R"({"decoder": {"type": "ByteLevel"}, "model": {"vocab": {
      "\u0120un": 0, "told": 1, "!": 2, "\u0120so": 3}}})");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const std::vector<int> tokens = {0, 1, 2, 3};
  const std::vector<float> logprobs = {0, 0, 0, std::log(0.5F)};
  const std::vector<double> begins = {10, 20, 25, 50, 75};
  const auto words = words_from_tokens(*tokenizer, tokens, logprobs, begins, 0.02, 30, true);
  ASSERT_EQ(words.size(), 2U);
  EXPECT_EQ(words[0].word, "untold!");
  EXPECT_DOUBLE_EQ(words[0].start, 30.2);
  EXPECT_DOUBLE_EQ(words[0].end, 31);
  EXPECT_DOUBLE_EQ(words[0].probability, 1);
  EXPECT_EQ(words[1].word, "so");
  EXPECT_NEAR(words[1].probability, 0.5, 1e-6);
}

TEST(Guards, RepetitionCompressesWell) {
  std::string loop;
  for (int i = 0; i < 40; ++i) loop += "thank you ";
  EXPECT_GT(compression_ratio(loop), 5);
  EXPECT_LT(compression_ratio("And so, my fellow Americans, ask not what your country can do."),
            1.5);
  EXPECT_EQ(compression_ratio(""), 0);
}

TEST(Guards, JudgeAsWhisperDoes) {
  const TranscribeOptions options;
  Heard heard;
  heard.tokens.assign(9, 1);
  heard.sum_logprob = -5;  // -0.5 a token
  EXPECT_FALSE(judge(heard, "fine", options).again);
  heard.sum_logprob = -15;
  EXPECT_TRUE(judge(heard, "unlikely", options).again);
  heard.no_speech = 0.9;
  EXPECT_FALSE(judge(heard, "unlikely", options).again);
  EXPECT_TRUE(judge(heard, "unlikely", options).silence);
  heard.sum_logprob = -5;
  EXPECT_FALSE(judge(heard, "likely all the same", options).silence);
  heard.repeated = true;
  EXPECT_TRUE(judge(heard, "again and again", options).again);
  heard.repeated = false;
  std::string loop;
  for (int i = 0; i < 40; ++i) loop += "thank you ";
  EXPECT_TRUE(judge(heard, loop, options).again);
}

TEST(Languages, AreKnownByCodeAndName) {
  EXPECT_EQ(language_code("de"), "de");
  EXPECT_EQ(language_code(" German"), "de");
  EXPECT_EQ(language_code("klingon"), "");
  EXPECT_EQ(language_code("en-US"), "en");
  EXPECT_EQ(language_code("pt_BR"), "pt");
  EXPECT_EQ(language_code("-en"), "");
  EXPECT_EQ(language_name("haw"), "hawaiian");
  EXPECT_TRUE(has_spaces("fr"));
  EXPECT_FALSE(has_spaces("ja"));
}

}  // namespace
}  // namespace anynpu::speech
