// SPDX-License-Identifier: Apache-2.0
// Small graphs, and how they would be shared between a rocket NPU and the CPU.
#include "doctor/model_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/tflite_nodes.h"
#include "tiny_tflite.h"

namespace anynpu::doctor {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Key;
using ::testing::Pair;
using testing::TfliteOp;
using testing::TfliteType;
using testing::TinyTensor;
using testing::TinyTflite;

constexpr engine::teflon::MesaVersion kMesa{26, 2, 6};

TinyTensor quantised(std::string name, std::vector<std::int32_t> shape,
                     TfliteType type = TfliteType::kUint8, std::vector<float> scales = {0.5F}) {
  TinyTensor tensor{std::move(name), type, std::move(shape)};
  tensor.zero_points.assign(scales.size(), 0);
  tensor.scales = std::move(scales);
  return tensor;
}

// Adds a 1x1 convolution of 16 channels from `from` and returns its output.
int convolution(TinyTflite& model, int from, int size, bool last = false,
                TfliteType type = TfliteType::kUint8, std::vector<float> scales = {0.5F}) {
  int weights = model.constant(quantised("w", {16, 1, 1, 16}, type, scales),
                               std::vector<std::uint8_t>(256, 1));
  int bias = model.constant(quantised("b", {16}, TfliteType::kInt32, {0.25F}),
                            std::vector<std::int32_t>(16, 0));
  TinyTensor out = quantised("y", {1, size, size, 16}, type);
  int to = last ? model.output(out) : model.tensor(out);
  model.conv_2d(from, weights, bias, to);
  return to;
}

GraphShare share_of(const TinyTflite& model) {
  const std::vector<std::byte> bytes = model.build();
  auto share = share_on_rocket(bytes, "tiny", kMesa);
  EXPECT_TRUE(share) << share.error().message;
  return share ? *share : GraphShare{};
}

TEST(ShareOnRocket, UnsignedConvolutionsGoToTheNpu) {
  TinyTflite model;
  int x = model.input(quantised("x", {1, 8, 8, 16}));
  convolution(model, convolution(model, x, 8), 8, true);
  GraphShare share = share_of(model);
  EXPECT_EQ(share.operators, 2);
  EXPECT_EQ(share.taken, 2);
  EXPECT_EQ(share.partitions, 1);
}

TEST(ShareOnRocket, WhatTheDelegateWouldGetWrongStaysOnTheCpu) {
  TinyTflite signed_model;
  int x = signed_model.input(quantised("x", {1, 8, 8, 16}, TfliteType::kInt8));
  convolution(signed_model, x, 8, true, TfliteType::kInt8);
  GraphShare share = share_of(signed_model);
  EXPECT_EQ(share.taken, 0);
  EXPECT_THAT(share.kept_back, ElementsAre(Pair("its tensors are not unsigned 8-bit", 1)));

  TinyTflite per_channel;
  x = per_channel.input(quantised("x", {1, 8, 8, 16}));
  std::vector<float> scales(16, 0.5F);
  scales[3] = 0.25F;
  convolution(per_channel, x, 8, true, TfliteType::kUint8, scales);
  EXPECT_THAT(share_of(per_channel).kept_back, ElementsAre(Pair("it is quantised per channel", 1)));
}

TEST(ShareOnRocket, AnOperatorBetweenConvolutionsCutsTheGraph) {
  TinyTflite model;
  int x = model.input(quantised("x", {1, 8, 8, 16}));
  int a = convolution(model, x, 8);
  int b = model.tensor(quantised("r", {1, 8, 8, 16}));
  model.reshape(a, b, {1, 8, 8, 16});
  convolution(model, b, 8, true);
  GraphShare share = share_of(model);
  EXPECT_EQ(share.taken, 2);
  EXPECT_EQ(share.partitions, 2);
  EXPECT_THAT(share.others, ElementsAre(Pair("RESHAPE", 1)));
}

TEST(ShareOnRocket, AnAdditionNeedsAConvolutionBeforeIt) {
  TinyTflite alone;
  int x = alone.input(quantised("x", {1, 8, 8, 16}));
  int y = alone.input(quantised("y", {1, 8, 8, 16}));
  alone.add(x, y, alone.output(quantised("z", {1, 8, 8, 16})));
  GraphShare share = share_of(alone);
  EXPECT_EQ(share.taken, 0);
  EXPECT_THAT(share.kept_back, Contains(Key("it cannot be fused into a convolution before it")));

  TinyTflite fused;
  x = fused.input(quantised("x", {1, 8, 8, 16}));
  int made = convolution(fused, x, 8);
  fused.add(made, x, fused.output(quantised("z", {1, 8, 8, 16})));
  EXPECT_EQ(share_of(fused).taken, 2);
}

TEST(TfliteNodes, ADamagedFileIsSaid) {
  TinyTflite model;
  int x = model.input(quantised("x", {1, 8, 8, 16}));
  convolution(model, x, 8, true);
  std::vector<std::byte> bytes = model.build();
  ASSERT_TRUE(model::read_tflite_nodes(bytes, "tiny"));
  for (std::size_t cut : {bytes.size() / 4, bytes.size() / 2, std::size_t{9}}) {
    auto nodes = model::read_tflite_nodes(std::span(bytes).first(cut), "tiny");
    if (!nodes) {
      EXPECT_EQ(nodes.error().code, Code::kInvalid);
    }
  }
  EXPECT_FALSE(model::read_tflite_nodes(std::span(bytes).first(9), "tiny"));
}

}  // namespace
}  // namespace anynpu::doctor
