// SPDX-License-Identifier: Apache-2.0
// Tests of the small things done to text.
#include "base/text.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anynpu {
namespace {

using testing::ElementsAre;

TEST(Text, SplitKeepsEmptyParts) {
  EXPECT_THAT(split("a:b", ':'), ElementsAre("a", "b"));
  EXPECT_THAT(split("", ':'), ElementsAre(""));
  EXPECT_THAT(split(":a::", ':'), ElementsAre("", "a", "", ""));
}

TEST(Text, TrimTakesAllKindsOfSpace) {
  EXPECT_EQ(trim(" \t\r\n word two\v\f "), "word two");
  EXPECT_EQ(trim(" \n "), "");
  EXPECT_EQ(trim(""), "");
}

TEST(Text, ToLowerLeavesOtherLettersAlone) {
  EXPECT_EQ(to_lower("MobileNet V1 \xC3\x84"), "mobilenet v1 \xC3\x84");
}

TEST(Text, JoinPutsTheSeparatorBetween) {
  EXPECT_EQ(join(std::vector<std::string>{"a", "b", "c"}, ", "), "a, b, c");
  EXPECT_EQ(join(std::vector<std::string>{}, ", "), "");
}

TEST(Text, HumanBytesUsesDecimalUnits) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1000), "1.0 kB");
  EXPECT_EQ(human_bytes(4'100'000), "4.1 MB");
  EXPECT_EQ(human_bytes(999'949), "999.9 kB");
  EXPECT_EQ(human_bytes(999'951), "1.0 MB");
  EXPECT_EQ(human_bytes(UINT64_MAX), "18446.7 PB");
}

TEST(Text, EditDistanceCountsInsertionsDeletionsAndChanges) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("sitting", "kitten"), 3U);
  EXPECT_EQ(edit_distance("same", "same"), 0U);
}

TEST(Text, DidYouMeanFindsTheNearestOrNothing) {
  const std::vector<std::string> kCommands = {"run", "bench", "devices", "engines", "models"};
  EXPECT_EQ(did_you_mean("modles", kCommands), "models");
  EXPECT_EQ(did_you_mean("DEVICE", kCommands), "devices");
  EXPECT_EQ(did_you_mean("transcribe", kCommands), "");
  EXPECT_EQ(did_you_mean("run", {}), "");
}

TEST(Text, PrintableKeepsUtf8AndHidesControls) {
  EXPECT_EQ(printable("caf\xC3\xA9 \xF0\x9F\x90\x88"), "caf\xC3\xA9 \xF0\x9F\x90\x88");
  EXPECT_EQ(printable("a\x1b[31mb\n\x7F"), "a?[31mb??");
}

TEST(Text, PrintableHidesInvalidUtf8) {
  EXPECT_EQ(printable("\xFF"), "?");
  EXPECT_EQ(printable("\xC3"), "?");                 // cut off
  EXPECT_EQ(printable("\xC0\xAF"), "??");            // overlong
  EXPECT_EQ(printable("\xE0\x80\xAF"), "???");       // overlong
  EXPECT_EQ(printable("\xED\xA0\x80"), "???");       // a surrogate
  EXPECT_EQ(printable("\xF4\x90\x80\x80"), "????");  // above U+10FFFF
  EXPECT_EQ(printable("\xF0\x9F\x90x"), "???x");     // cut off by another letter
}

TEST(Text, PrintableCutsBetweenLetters) {
  EXPECT_EQ(printable("abcdef", 3), "abc...");
  EXPECT_EQ(printable("abc", 3), "abc");
  EXPECT_EQ(printable("a\xC3\xA9\xC3\xA9", 2), "a...");
}

}  // namespace
}  // namespace anynpu
