// SPDX-License-Identifier: Apache-2.0
// Which text is taken when none is good.
#include "speech/guards.h"

#include <gtest/gtest.h>

namespace anynpu::speech {
namespace {

Attempt attempt(std::string text, double logprob_of_a_token, bool repeated = false) {
  Attempt made;
  made.text = std::move(text);
  made.heard.tokens = {1, 2, 3};
  made.heard.sum_logprob = 4 * logprob_of_a_token;  // with the end token
  made.heard.repeated = repeated;
  return made;
}

TEST(Guards, UnlikelyAndRepeatedTextIsDecodedAgain) {
  const TranscribeOptions options;
  EXPECT_FALSE(judge(attempt("", -0.4).heard, "the most unusual thing", options).again);
  EXPECT_TRUE(judge(attempt("", -1.1).heard, "the most unusual thing", options).again);
  EXPECT_TRUE(judge(attempt("", -0.1, true).heard, "no no no", options).again);
  std::string loop;
  for (int i = 0; i < 40; ++i) loop += "thank you ";
  EXPECT_TRUE(judge(attempt("", -0.1).heard, loop, options).again);
  Heard quiet = attempt("", -1.1).heard;
  quiet.no_speech = 0.9;
  EXPECT_TRUE(judge(quiet, "thank you", options).silence);
  EXPECT_FALSE(judge(quiet, "thank you", options).again);
}

TEST(Guards, TextThatIsUnlikelyButNotBadIsDoubtful) {
  EXPECT_FALSE(is_doubtful(attempt("", -0.4).heard));
  EXPECT_TRUE(is_doubtful(attempt("", -0.5).heard));
  EXPECT_FALSE(judge(attempt("", -0.5).heard, "the most unusual thing", {}).again);
}

TEST(Guards, OfBadTextsTheLikelierThatDoesNotLoopIsTaken) {
  const TranscribeOptions options;
  const Attempt cold = attempt("a peaceful knight", -1.2);
  const Attempt hot = attempt("o suromo que tenha", -4.3);
  const Attempt loop = attempt("no no no", -0.1, true);
  EXPECT_TRUE(is_better(cold, hot, options));
  EXPECT_FALSE(is_better(hot, cold, options));
  EXPECT_TRUE(is_better(hot, loop, options));
  EXPECT_FALSE(is_better(loop, hot, options));
  EXPECT_FALSE(is_better(cold, cold, options));
}

}  // namespace
}  // namespace anynpu::speech
