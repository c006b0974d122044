// SPDX-License-Identifier: Apache-2.0
// Boxes from a detector's outputs, in whatever order they come.
#include "vision/detect.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "vision/nms.h"

namespace anynpu::vision {
namespace {

constexpr float kNotANumber = std::numeric_limits<float>::quiet_NaN();

engine::Tensor floats(engine::Shape shape, const std::vector<float>& values) {
  engine::Tensor tensor{{"", engine::DType::kFloat32, std::move(shape)}, {}};
  tensor.bytes.resize(values.size() * 4);
  std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}

struct Detector {
  // y_min, x_min, y_max, x_max
  std::vector<float> boxes = {0.1F, 0.2F, 0.5F, 0.6F, 0.5F, 0.5F, 0.9F, 1.0F, 0, 0, 0, 0};
  std::vector<float> classes = {17, 1, 0};
  std::vector<float> scores = {0.9F, 0.6F, 0.02F};
  float count = 3;

  std::vector<engine::Tensor> outputs() const {
    const auto n = static_cast<std::int64_t>(scores.size());
    return {floats({1, n, 4}, boxes), floats({1, n}, classes), floats({1, n}, scores),
            floats({1}, {count})};
  }
};

model::Package package() {
  model::Package made;
  made.task = model::Task::kDetect;
  for (int i = 0; i < 90; ++i) made.labels.push_back("thing " + std::to_string(i));
  return made;
}

Result<std::vector<Prediction>> detect_in(const std::vector<engine::Tensor>& outputs,
                                          float threshold = 0.5F, int top = 10) {
  return detect(package(), outputs, fit(model::Resize::kStretch, 200, 100, 300, 300), {200, 100},
                threshold, top);
}

TEST(Detect, BoxesInPixelsAndFractions) {
  const auto found = detect_in(Detector().outputs());
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->size(), 2U);
  const Prediction& best = (*found)[0];
  EXPECT_EQ(best.class_id, 17);
  EXPECT_EQ(best.label, "thing 17");
  EXPECT_FLOAT_EQ(best.score, 0.9F);
  EXPECT_FLOAT_EQ(best.box_normalized->x_min, 0.2F);
  EXPECT_FLOAT_EQ(best.box_normalized->y_max, 0.5F);
  EXPECT_FLOAT_EQ(best.box->x_min, 40);
  EXPECT_FLOAT_EQ(best.box->y_min, 10);
  EXPECT_FLOAT_EQ(best.box->x_max, 120);
  EXPECT_FLOAT_EQ(best.box->y_max, 50);
}

TEST(Detect, AnyOrderOfOutputs) {
  const std::vector<engine::Tensor> outputs = Detector().outputs();
  std::vector<std::size_t> order = {0, 1, 2, 3};
  do {
    std::vector<engine::Tensor> mixed;
    for (std::size_t i : order) mixed.push_back(outputs[i]);
    const auto found = detect_in(mixed);
    ASSERT_TRUE(found) << found.error().message;
    ASSERT_EQ(found->size(), 2U);
    EXPECT_EQ((*found)[0].class_id, 17);
    EXPECT_FLOAT_EQ((*found)[1].score, 0.6F);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Detect, TheCountIsHeldToWhatThereIs) {
  Detector detector;
  for (const auto& [count, wanted] : {std::pair{1.0F, 1U}, std::pair{1e9F, 2U},
                                      std::pair{-5.0F, 0U}, std::pair{kNotANumber, 2U}}) {
    detector.count = count;
    const auto found = detect_in(detector.outputs());
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->size(), wanted) << count;
  }
  auto outputs = detector.outputs();
  outputs.pop_back();
  EXPECT_EQ(detect_in(outputs)->size(), 2U);
}

TEST(Detect, ThresholdAndTop) {
  EXPECT_EQ(detect_in(Detector().outputs(), 0.7F)->size(), 1U);
  EXPECT_EQ(detect_in(Detector().outputs(), 0.5F, 1)->size(), 1U);
  EXPECT_EQ(detect_in(Detector().outputs(), 0.95F)->size(), 0U);
  // Nothing to see at all is an answer too.
  Detector nothing;
  nothing.scores = {0, 0, 0};
  EXPECT_EQ(detect_in(nothing.outputs())->size(), 0U);
}

TEST(Detect, NonsenseIsLeftOut) {
  Detector detector;
  detector.boxes = {kNotANumber, 0,  1, 1, 0.6F, 0.6F, 0.2F, 0.2F,
                    -3,          -3, 7, 7, 0.1F, 0.1F, 0.2F, 0.2F};
  detector.classes = {1, 1, 2, -4};
  detector.scores = {0.9F, 0.9F, 0.8F, 0.9F};
  detector.count = 4;
  const auto found = detect_in(detector.outputs());
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ((*found)[0].class_id, 2);
  EXPECT_EQ((*found)[0].box_normalized->x_min, 0);
  EXPECT_EQ((*found)[0].box->x_max, 200);
}

TEST(Detect, OtherOutputsAreRefused) {
  EXPECT_FALSE(detect_in({}));
  EXPECT_FALSE(detect_in({floats({1, 5}, {1, 2, 3, 4, 5})}));
  EXPECT_FALSE(detect_in({floats({1, 1, 4}, {0, 0, 1, 1}), floats({1, 3}, {1, 2, 3})}));
  const auto refused = detect_in({floats({1, 2}, {1, 2})});
  EXPECT_EQ(refused.error().code, Code::kUnsupported);
  EXPECT_NE(refused.error().message.find("1x2"), std::string::npos);
}

Prediction boxed(int class_id, float score, Box box) {
  return {class_id, "", score, box, box};
}

TEST(Nms, OverlapOfOneClassIsSuppressed) {
  std::vector<Prediction> predictions = {
      boxed(1, 0.5F, {0, 0, 1, 1}), boxed(1, 0.9F, {0, 0, 1, 0.9F}), boxed(2, 0.7F, {0, 0, 1, 1}),
      boxed(1, 0.3F, {0, 0, 0.4F, 1})};
  suppress(predictions, 0.6F);
  ASSERT_EQ(predictions.size(), 3U);
  EXPECT_FLOAT_EQ(predictions[0].score, 0.9F);
  EXPECT_EQ(predictions[1].class_id, 2);
  EXPECT_FLOAT_EQ(predictions[2].score, 0.3F);
}

TEST(Nms, OverlapIsMeasured) {
  EXPECT_FLOAT_EQ(intersection_over_union({0, 0, 2, 1}, {1, 0, 3, 1}), 1.0F / 3);
  EXPECT_FLOAT_EQ(intersection_over_union({0, 0, 1, 1}, {2, 2, 3, 3}), 0);
  EXPECT_FLOAT_EQ(intersection_over_union({0, 0, 0, 0}, {0, 0, 0, 0}), 0);
  EXPECT_FLOAT_EQ(intersection_over_union({1, 1, 0, 0}, {0, 0, 1, 1}), 0);
}

}  // namespace
}  // namespace anynpu::vision
