// SPDX-License-Identifier: Apache-2.0
// Reading Whisper's marks of time, as openai/whisper reads them.
#include "speech/whisper_segments.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anynpu::speech {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int kEnd = 100;
constexpr int kFirstTime = 200;

int at(double seconds) {
  return kFirstTime + static_cast<int>(std::lround(seconds * 50));
}

Pieces read(const std::vector<int>& tokens, double seconds = 30) {
  WhisperTokens marks;
  marks.end = kEnd;
  marks.first_time = kFirstTime;
  Heard heard;
  heard.tokens = tokens;
  heard.logprobs.assign(tokens.size(), -0.5F);
  return pieces_of(heard, marks, seconds);
}

TEST(WhisperSegments, APairOfMarksEndsOneAndBeginsTheNext) {
  const Pieces found = read({at(0), 1, 2, at(4.5), at(5), 3, at(9), at(9)});
  ASSERT_EQ(found.pieces.size(), 2U);
  EXPECT_DOUBLE_EQ(found.pieces[0].start, 0);
  EXPECT_DOUBLE_EQ(found.pieces[0].end, 4.5);
  EXPECT_THAT(found.pieces[0].tokens, ElementsAre(1, 2));
  EXPECT_DOUBLE_EQ(found.pieces[1].start, 5);
  EXPECT_DOUBLE_EQ(found.pieces[1].end, 9);
  EXPECT_THAT(found.pieces[1].tokens, ElementsAre(3));
  EXPECT_DOUBLE_EQ(found.through, 9) << "the next window begins at the last mark";
}

TEST(WhisperSegments, ALoneLastMarkMeansThatTheWindowIsThrough) {
  const Pieces found = read({at(0), 1, at(4), at(4), 2, at(8)});
  ASSERT_EQ(found.pieces.size(), 2U);
  EXPECT_DOUBLE_EQ(found.pieces[1].end, 8);
  EXPECT_DOUBLE_EQ(found.through, 30);
}

TEST(WhisperSegments, WithoutAPairThereIsOnePiece) {
  Pieces found = read({at(1), 1, 2, at(6)});
  ASSERT_EQ(found.pieces.size(), 1U);
  EXPECT_DOUBLE_EQ(found.pieces[0].start, 1);
  EXPECT_DOUBLE_EQ(found.pieces[0].end, 6);
  EXPECT_DOUBLE_EQ(found.through, 30);
  found = read({at(0), 1, 2}, 12);
  ASSERT_EQ(found.pieces.size(), 1U);
  EXPECT_DOUBLE_EQ(found.pieces[0].end, 12);
  EXPECT_THAT(found.pieces[0].logprobs, ElementsAre(-0.5F, -0.5F));
}

TEST(WhisperSegments, NothingSaidIsNoPiece) {
  EXPECT_THAT(read({}).pieces, IsEmpty());
  EXPECT_THAT(read({at(0), at(0)}).pieces, IsEmpty());
  EXPECT_DOUBLE_EQ(read({}, 7).through, 7);
}

TEST(WhisperSegments, TimeAlwaysGoesOn) {
  // A window that ends where it began would be heard for ever.
  EXPECT_DOUBLE_EQ(read({at(0), 1, at(0), at(0)}).through, 30);
  // Marks beyond the audio are its end.
  const Pieces found = read({at(0), 1, at(25), at(25), 2, at(29)}, 26);
  EXPECT_DOUBLE_EQ(found.pieces[1].end, 26);
}

}  // namespace
}  // namespace anynpu::speech
