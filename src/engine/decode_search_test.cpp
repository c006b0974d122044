// SPDX-License-Identifier: Apache-2.0
// The rules of decoding and the searches, on logits made up by hand.
#include "engine/decode_search.h"

#include <array>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anynpu::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Tokens: 0 to 3 text, 4 the end, 5 "no timestamps", 6 to 9 times.
DecodeSettings with_times() {
  DecodeSettings settings;
  settings.end_token = 4;
  settings.no_timestamps_token = 5;
  settings.timestamp_first = 6;
  settings.max_initial_timestamp = 1;
  return settings;
}

std::vector<int> allowed(const DecodeSettings& settings, std::vector<std::int32_t> written,
                         std::vector<float> logits = std::vector<float>(10, 1.0F)) {
  DecodeRules(settings, {}, {}).apply(written, logits);
  std::vector<int> tokens;
  for (std::size_t i = 0; i < logits.size(); ++i)
    if (logits[i] != kForbidden) tokens.push_back(static_cast<int>(i));
  return tokens;
}

// Text is far likelier than all times together, so that the rule of sums does not interfere.
std::vector<float> text_likely() {
  return {20, 20, 20, 20, 20, 1, 1, 1, 1, 1};
}

TEST(DecodeRules, ATextBeginsWithATimeOfTheFirstMoment) {
  EXPECT_THAT(allowed(with_times(), {}), ElementsAre(6, 7));
}

TEST(DecodeRules, AfterTheFirstTimeComesText) {
  EXPECT_THAT(allowed(with_times(), {6}, text_likely()), ElementsAre(0, 1, 2, 3, 4));
}

TEST(DecodeRules, ATimeAfterTextIsPairedOrEndsTheText) {
  EXPECT_THAT(allowed(with_times(), {6, 1, 8}, text_likely()), ElementsAre(4, 8, 9));
}

TEST(DecodeRules, TimeDoesNotGoBackAndSegmentsHaveALength) {
  EXPECT_THAT(allowed(with_times(), {6, 1, 8, 8, 2}, text_likely()), ElementsAre(0, 1, 2, 3, 4, 9));
}

TEST(DecodeRules, TimesThatAreLikelierTogetherThanAnyTextAreWritten) {
  // Four times of 1 each are log(4) + 1 together, more than a text's 2.
  std::vector<float> logits = {2, 0, 0, 0, 0, 0, 1, 1, 1, 1};
  EXPECT_THAT(allowed(with_times(), {6, 1}, logits), ElementsAre(7, 8, 9));
  logits[0] = 3;
  EXPECT_THAT(allowed(with_times(), {6, 1}, logits), ElementsAre(0, 1, 2, 3, 4, 7, 8, 9));
}

TEST(DecodeRules, SuppressedTokensAreGoneAndSomethingAlwaysRemains) {
  DecodeSettings settings;
  settings.end_token = 2;
  std::vector<float> logits = {3, 2, 1};
  DecodeRules({settings}, {0}, {2}).apply({}, logits);
  EXPECT_THAT(logits, ElementsAre(kForbidden, 2, kForbidden));
  logits = {3, 2, 1};
  DecodeRules({settings}, {0}, {2}).apply(std::vector<std::int32_t>{1}, logits);
  EXPECT_THAT(logits, ElementsAre(kForbidden, 2, 1));
  logits = {3, 2, 1};
  DecodeRules({settings}, {0, 1, 2, -7, 99}, {}).apply({}, logits);
  EXPECT_THAT(logits, ElementsAre(kForbidden, kForbidden, 1));
}

TEST(DecodeRules, LogSumExpIsExactEnoughAndDoesNotOverflow) {
  std::vector<float> logits;
  double sum = 0;
  for (int i = 0; i < 50000; ++i) {
    logits.push_back(static_cast<float>(std::sin(i * 0.37) * 12));
    sum += std::exp(double{logits.back()});
  }
  EXPECT_NEAR(log_sum_exp(logits), std::log(sum), 1e-5);
  EXPECT_NEAR(log_sum_exp(std::vector<float>{1000, 1000}), 1000 + std::log(2.0), 1e-4);
  EXPECT_EQ(log_sum_exp(std::vector<float>{kForbidden}), kForbidden);
}

TEST(DecodeRules, DrawingFollowsTheProbabilities) {
  const std::vector<float> logits = {kForbidden, 0, std::log(3.0F)};
  EXPECT_EQ(draw(logits, 1, 0.0), 1U);
  EXPECT_EQ(draw(logits, 1, 0.24), 1U);
  EXPECT_EQ(draw(logits, 1, 0.26), 2U);
  EXPECT_EQ(draw(logits, 1, 0.999999), 2U);
  // Hot enough, all that is allowed is equally likely.
  EXPECT_EQ(draw(logits, 100, 0.49), 1U);
}

TEST(DecodeRules, RepetitionIsSeenWhateverThePieceIs) {
  EXPECT_TRUE(repeats(std::vector<std::int32_t>{5, 1, 2, 1, 2, 1, 2}, 3));
  EXPECT_FALSE(repeats(std::vector<std::int32_t>{5, 1, 2, 1, 2, 1, 3}, 3));
  EXPECT_FALSE(repeats(std::vector<std::int32_t>{1, 2, 1, 2}, 3));
  EXPECT_FALSE(repeats(std::vector<std::int32_t>{1, 1, 1, 1}, 0));
}

// A language over three tokens in which what follows depends on the last token alone.
class TinyLanguage {
 public:
  // rows[i][j]: the probability of j after i; row 3 is the beginning. Token 2 ends.
  explicit TinyLanguage(std::array<std::array<float, 3>, 4> rows) : rows_(rows) {}

  std::vector<float> logits(const std::vector<DecodeSearch::Live>& live) const {
    std::vector<float> all;
    for (const auto& each : live) {
      const std::size_t last =
          each.written.tokens.empty() ? 3 : static_cast<std::size_t>(each.written.tokens.back());
      for (const float likely : rows_[last]) all.push_back(std::log(likely));
    }
    return all;
  }
  DecodeSearch run(const DecodeSettings& settings, std::size_t rows) const {
    DecodeSearch search(settings, DecodeRules(settings, {}, {}), rows);
    while (!search.live().empty()) {
      std::vector<float> scores = logits(search.live());
      search.step(scores);
    }
    return search;
  }

 private:
  std::array<std::array<float, 3>, 4> rows_;
};

// The likeliest first step, 0, leads to unlikely ones.
const TinyLanguage kTrap({{{0.34F, 0.33F, 0.33F},  // after 0
                           {0.01F, 0.01F, 0.98F},  // after 1
                           {0, 0, 1},
                           {0.55F, 0.44F, 0.01F}}});  // the beginning

DecodeSettings ending_with_2(int beam) {
  DecodeSettings settings;
  settings.end_token = 2;
  settings.max_tokens = 3;
  settings.beam_size = beam;
  return settings;
}

TEST(DecodeSearch, GreedyTakesTheLikeliestStep) {
  const DecodeSearch search = kTrap.run(ending_with_2(1), 2);
  for (const std::size_t row : {0U, 1U}) {
    EXPECT_THAT(search.best(row).tokens, ElementsAre(0, 0, 0));
    EXPECT_NEAR(search.best(row).sum_logprob, std::log(0.55 * 0.34 * 0.34), 1e-5);
    EXPECT_NEAR(search.best(row).logprobs[1], std::log(0.34), 1e-5);
  }
}

TEST(DecodeSearch, ABeamFindsTheLikeliestWhole) {
  const DecodeSearch search = kTrap.run(ending_with_2(2), 2);
  for (const std::size_t row : {0U, 1U}) {
    EXPECT_THAT(search.best(row).tokens, ElementsAre(1));
    EXPECT_NEAR(search.best(row).sum_logprob, std::log(0.44 * 0.98), 1e-5);
  }
}

TEST(DecodeSearch, RowsEndOnTheirOwn) {
  DecodeSettings settings = ending_with_2(1);
  DecodeSearch search(settings, DecodeRules(settings, {}, {}), 3);
  std::vector<float> first = {0, 1, 2, /**/ 2, 1, 0, /**/ 0, 2, 1};
  search.step(first);
  ASSERT_EQ(search.live().size(), 2U);  // the first row has ended
  EXPECT_EQ(search.live()[0].row, 1U);
  EXPECT_EQ(search.live()[0].parent, 1U);
  EXPECT_EQ(search.live()[1].row, 2U);
  EXPECT_EQ(search.live()[1].parent, 2U);
  std::vector<float> second = {0, 0, 9, /**/ 9, 0, 0};
  search.step(second);
  ASSERT_EQ(search.live().size(), 1U);
  EXPECT_EQ(search.live()[0].parent, 1U);
  std::vector<float> third = {0, 0, 9};
  search.step(third);
  EXPECT_TRUE(search.live().empty());
  EXPECT_THAT(search.best(0).tokens, IsEmpty());
  EXPECT_THAT(search.best(1).tokens, ElementsAre(0));
  EXPECT_THAT(search.best(2).tokens, ElementsAre(1, 0));
}

TEST(DecodeSearch, ALoopIsEndedAndSaidToBeOne) {
  DecodeSettings settings = ending_with_2(1);
  settings.max_tokens = 100;
  settings.repeat_limit = 5;
  const TinyLanguage loop(
      {{{0.1F, 0.8F, 0.1F}, {0.8F, 0.1F, 0.1F}, {0, 0, 1}, {0.9F, 0.05F, 0.05F}}});
  const DecodeSearch search = loop.run(settings, 1);
  EXPECT_TRUE(search.best(0).repeated);
  EXPECT_EQ(search.best(0).tokens.size(), 10U);
}

TEST(DecodeSearch, TheSameSeedDrawsTheSame) {
  DecodeSettings settings = ending_with_2(1);
  settings.max_tokens = 40;
  settings.temperature = 1;
  settings.seed = 7;
  const TinyLanguage even(
      {{{0.45F, 0.45F, 0.1F}, {0.45F, 0.45F, 0.1F}, {0, 0, 1}, {0.5F, 0.5F, 0}}});
  const auto first = even.run(settings, 1).best(0).tokens;
  EXPECT_EQ(even.run(settings, 1).best(0).tokens, first);
  bool differs = false;
  for (settings.seed = 8; settings.seed < 20; ++settings.seed)
    differs = differs || even.run(settings, 1).best(0).tokens != first;
  EXPECT_TRUE(differs);
}

TEST(DecodeSearch, NothingIsWrittenWhenNothingMay) {
  DecodeSettings settings = ending_with_2(1);
  settings.max_tokens = 0;
  const DecodeSearch search(settings, DecodeRules(settings, {}, {}), 2);
  EXPECT_TRUE(search.live().empty());
  EXPECT_THAT(search.best(1).tokens, IsEmpty());
}

TEST(DecodeSettings, GoThroughFloatsAndAreChecked) {
  DecodeSettings settings = with_times();
  settings.temperature = 0.4F;
  settings.seed = 12345;
  const auto packed = settings.pack();
  const auto back = DecodeSettings::unpack(packed, 10);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->pack(), packed);
  EXPECT_FALSE(DecodeSettings::unpack(packed, 6)) << "a token beyond the vocabulary";
  EXPECT_FALSE(DecodeSettings::unpack(std::span(packed).first(3), 10));
  for (const float bad : {-5.0F, 0.5F, 1e30F, std::nanf("")}) {
    auto damaged = packed;
    damaged[0] = bad;
    EXPECT_FALSE(DecodeSettings::unpack(damaged, 10)) << bad;
  }
}

}  // namespace
}  // namespace anynpu::engine
