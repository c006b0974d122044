// SPDX-License-Identifier: Apache-2.0
// Labels from scores.
#include "vision/classify.h"

#include <cmath>
#include <cstring>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anynpu::vision {
namespace {

using testing::ElementsAre;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

engine::Tensor floats(const std::vector<float>& values) {
  engine::Tensor tensor{
      {"scores", engine::DType::kFloat32, {1, static_cast<std::int64_t>(values.size())}}, {}};
  tensor.bytes.resize(values.size() * 4);
  std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}

std::vector<int> classes_of(const Result<std::vector<Prediction>>& predictions) {
  std::vector<int> classes;
  if (predictions)
    for (const Prediction& prediction : *predictions) classes.push_back(prediction.class_id);
  return classes;
}

TEST(Classify, HighestFirstAndEqualOnesByClass) {
  model::Package package;
  package.labels = {"a", "b", "c", "d", "e"};
  const auto top = classify(package, {floats({0.1F, 0.3F, 0.2F, 0.3F, 0.1F})}, 4);
  EXPECT_THAT(classes_of(top), ElementsAre(1, 3, 2, 0));
  EXPECT_EQ((*top)[0].label, "b");
  EXPECT_FLOAT_EQ((*top)[2].score, 0.2F);
  EXPECT_FALSE((*top)[0].box);
  EXPECT_EQ(classes_of(classify(package, {floats({0.1F, 0.3F})}, 100)).size(), 2U);
}

TEST(Classify, BytesAreDequantised) {
  engine::Tensor tensor{{"scores", engine::DType::kUint8, {1, 3}, {{1 / 256.0F}, {0}, 0}}, {}};
  tensor.bytes = {std::byte{0}, std::byte{128}, std::byte{64}};
  const auto top = classify({}, {tensor}, 1);
  EXPECT_THAT(classes_of(top), ElementsAre(1));
  EXPECT_FLOAT_EQ((*top)[0].score, 0.5F);
  EXPECT_EQ((*top)[0].label, "");
}

TEST(Classify, SoftmaxOfHugeLogits) {
  model::Package package;
  package.postprocess.softmax = true;
  const auto top = classify(package, {floats({1000, 999, -1000})}, 3);
  ASSERT_TRUE(top);
  EXPECT_NEAR((*top)[0].score, 1 / (1 + std::exp(-1.0)), 1e-6);
  EXPECT_NEAR((*top)[0].score + (*top)[1].score + (*top)[2].score, 1, 1e-6);
}

TEST(Classify, WhatIsNoNumberIsLeftOut) {
  model::Package package;
  EXPECT_THAT(classes_of(classify(package, {floats({kNan, 0.5F, kInfinity, 0.7F, -kInfinity})}, 5)),
              ElementsAre(3, 1));
  package.postprocess.softmax = true;
  const auto top = classify(package, {floats({kNan, 1, kInfinity, 1})}, 5);
  EXPECT_THAT(classes_of(top), ElementsAre(1, 3));
  EXPECT_FLOAT_EQ((*top)[0].score, 0.5F);
  EXPECT_FALSE(classify(package, {floats({kNan, kNan})}, 5));
  EXPECT_FALSE(classify(package, {}, 5));
}

TEST(Classify, TheScoresAreTheOutputWithOnePerLabel) {
  model::Package package;
  package.labels = {"a", "b", "c"};
  EXPECT_THAT(classes_of(classify(package, {floats({9, 8}), floats({1, 3, 2})}, 1)),
              ElementsAre(1));
  EXPECT_THAT(classes_of(classify(package, {floats({8, 9}), floats({1, 3, 2, 7})}, 1)),
              ElementsAre(1));
}

TEST(Classify, LabelsMayBeShifted) {
  model::Package package;
  package.labels = {"background", "cat", "dog"};
  package.postprocess.label_offset = 1;
  EXPECT_EQ(label_of(package, 0), "cat");
  EXPECT_EQ(label_of(package, 2), "");
  EXPECT_EQ(label_of(package, std::numeric_limits<int>::max()), "");
  package.postprocess.label_offset = -1;
  EXPECT_EQ(label_of(package, 0), "");
  EXPECT_EQ(label_of(package, 2), "cat");
}

}  // namespace
}  // namespace anynpu::vision
