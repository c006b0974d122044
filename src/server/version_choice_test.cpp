// SPDX-License-Identifier: Apache-2.0
// Which version answers, by number, label, weight and key.
#include "server/version_choice.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anynpu::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

model::Package package_of(const std::vector<int>& numbers) {
  model::Package package;
  package.name = "m";
  for (int number : numbers) package.versions.push_back(model::Version{.number = number});
  return package;
}

const auto kAllReady = [](int) { return true; };

ModelConfig split_of(const LabelNumbers& labels, const LabelNumbers& weights) {
  ModelConfig config;
  config.name = "m";
  config.labels = labels;
  config.weights = weights;
  config.sticky_header = "X-User";
  return config;
}

TEST(VersionChoice, PoliciesAndLabelsSayWhatIsLoaded) {
  model::Package package = package_of({1, 2, 5});
  using Kind = VersionPolicy::Kind;
  EXPECT_THAT(versions_of({Kind::kLatest, 1, {}}, package), ElementsAre(5));
  EXPECT_THAT(versions_of({Kind::kLatest, 2, {}}, package), ElementsAre(2, 5));
  EXPECT_THAT(versions_of({Kind::kLatest, 9, {}}, package), ElementsAre(1, 2, 5));
  EXPECT_THAT(versions_of({Kind::kAll, 1, {}}, package), ElementsAre(1, 2, 5));
  EXPECT_THAT(versions_of({Kind::kSpecific, 1, {5, 1, 7}}, package), ElementsAre(1, 5));
  EXPECT_THAT(versions_of({Kind::kSpecific, 1, {7}}, package), IsEmpty());
  ModelConfig config;
  config.labels = {{"stable", 1}, {"gone", 8}};
  EXPECT_THAT(wanted_versions(config, package), ElementsAre(1, 5));
}

TEST(VersionChoice, NumbersAndLabels) {
  VersionChoice choice(split_of({{"stable", 1}, {"canary", 2}}, {}));
  EXPECT_EQ(choice.pick("7", "", kAllReady)->number, 7);
  EXPECT_EQ(choice.pick("canary", "", kAllReady)->number, 2);
  EXPECT_EQ(choice.pick("canary", "", kAllReady)->label, "canary");
  EXPECT_EQ(choice.pick("", "", kAllReady)->number, 1) << "stable, when nothing is said";
  for (const char* bad : {"0", "-1", "1.5", "1000000001", "99999999999999999999", "beta", " 1"}) {
    auto picked = choice.pick(bad, "", kAllReady);
    ASSERT_FALSE(picked) << bad;
    EXPECT_EQ(picked.error().code, Code::kNotFound);
  }
  EXPECT_EQ(VersionChoice(ModelConfig{}).pick("", "", kAllReady)->number, 0);
}

TEST(VersionChoice, SharesAreExactWithinAFewRequests) {
  VersionChoice choice(split_of({{"a", 1}, {"b", 2}, {"c", 3}}, {{"a", 90}, {"b", 9}, {"c", 1}}));
  std::map<int, int> counts;
  for (int i = 0; i < 10000; ++i) ++counts[choice.pick("", "", kAllReady)->number];
  EXPECT_NEAR(counts[1], 9000, 5);
  EXPECT_NEAR(counts[2], 900, 5);
  EXPECT_NEAR(counts[3], 100, 5);
}

TEST(VersionChoice, KeysStay) {
  VersionChoice choice(split_of({{"stable", 1}, {"canary", 2}}, {{"stable", 90}, {"canary", 10}}));
  std::map<int, int> counts;
  for (int i = 0; i < 10000; ++i) {
    const std::string key = "user-" + std::to_string(i);
    const int number = choice.pick("", key, kAllReady)->number;
    ++counts[number];
    for (int again = 0; again < 3; ++again)
      EXPECT_EQ(choice.pick("", key, kAllReady)->number, number);
  }
  EXPECT_NEAR(counts[1], 9000, 100);
  EXPECT_NEAR(counts[2], 1000, 100);
}

TEST(VersionChoice, WhatDoesNotAnswerIsTheOthersAndTheirKeysStay) {
  VersionChoice choice(split_of({{"a", 1}, {"b", 2}, {"c", 3}}, {{"a", 50}, {"b", 25}, {"c", 25}}));
  auto without_b = [](int number) { return number != 2; };
  for (int i = 0; i < 1000; ++i) {
    const std::string key = std::to_string(i);
    const int before = choice.pick("", key, kAllReady)->number;
    const int after = choice.pick("", key, without_b)->number;
    EXPECT_NE(after, 2);
    if (before != 2) {
      EXPECT_EQ(after, before);
    }
  }
  auto none = [](int) { return false; };
  EXPECT_NE(choice.pick("", "", none)->number, 0) << "it is loaded, or says why it cannot be";
}

}  // namespace
}  // namespace anynpu::server
