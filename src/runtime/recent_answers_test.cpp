// SPDX-License-Identifier: Apache-2.0
#include "runtime/recent_answers.h"

#include <gtest/gtest.h>

namespace anynpu::runtime {
namespace {

std::vector<engine::Tensor> answer(int value, std::size_t bytes = 8) {
  engine::Tensor tensor;
  tensor.bytes.assign(bytes, static_cast<std::byte>(value));
  return {tensor};
}

std::string doubt(RecentAnswers& recent, std::uint64_t input, int value) {
  return recent.doubt({input}, {answer(value)});
}

TEST(RecentAnswers, DoubtsAnOldAnswerForANewInput) {
  RecentAnswers recent;
  EXPECT_EQ(doubt(recent, 1, 10), "");
  EXPECT_EQ(doubt(recent, 2, 20), "");
  EXPECT_NE(doubt(recent, 3, 20), "") << "the last one again";
  EXPECT_NE(doubt(recent, 4, 10), "") << "the one before it: a library with two buffers";
}

TEST(RecentAnswers, DoesNotDoubtTheSameAnswerForTheSameInput) {
  RecentAnswers recent;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(doubt(recent, 1, 10), "");
}

TEST(RecentAnswers, ForgetsWhatWasLongAgo) {
  RecentAnswers recent;
  for (std::uint64_t i = 1; i < 6; ++i) EXPECT_EQ(doubt(recent, i, static_cast<int>(10 * i)), "");
  EXPECT_EQ(doubt(recent, 7, 10), "");
}

TEST(RecentAnswers, EachPlaceOfABatchHasItsOwn) {
  RecentAnswers recent;
  EXPECT_EQ(recent.doubt({1, 2}, {answer(10), answer(20)}), "");
  EXPECT_EQ(recent.doubt({3, 4}, {answer(20), answer(10)}), "");
  EXPECT_NE(recent.doubt({5, 6}, {answer(50), answer(10)}), "");
}

TEST(RecentAnswers, DoubtsLessOftenWhenEqualAnswersAreHonest) {
  RecentAnswers recent;
  int doubts = 0;
  for (std::uint64_t input = 0; input < 5000; ++input)
    if (!doubt(recent, input, 7).empty()) {
      ++doubts;
      recent.was_right();
    }
  EXPECT_GE(doubts, 11);
  EXPECT_LE(doubts, 15);
}

TEST(Fingerprint, ASampleOfLargeTensorsReachesBothEnds) {
  std::vector<std::byte> bytes(1 << 20);
  const std::uint64_t zeros = fingerprint(bytes);
  for (const std::size_t at : {std::size_t{0}, bytes.size() - 1}) {
    bytes[at] = std::byte{1};
    EXPECT_NE(fingerprint(bytes), zeros);
    bytes[at] = std::byte{0};
  }
  EXPECT_NE(fingerprint(std::vector<std::byte>(9)), fingerprint(std::vector<std::byte>(8)));
}

}  // namespace
}  // namespace anynpu::runtime
