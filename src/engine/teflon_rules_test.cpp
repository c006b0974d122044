// SPDX-License-Identifier: Apache-2.0
// The rules of the guard, one defect of the delegate after the other; and the layouts it relies on.
#include "engine/teflon_rules.h"

#include <cstddef>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/teflon_abi.h"
#include "engine/teflon_device.h"

namespace anynpu::engine::teflon {
namespace {

using ::testing::HasSubstr;

constexpr MesaVersion kOld = {26, 1, 6}, kNew = {26, 2, 6};

TensorFacts uint8_of(std::vector<int> dims, int zero = 128, float scale = 0.02F) {
  TensorFacts facts;
  facts.uint8 = facts.one_scale = true;
  facts.zero_point = zero;
  facts.scale = scale;
  facts.dims = std::move(dims);
  return facts;
}

/// A 3x3 convolution of 14x14x64 to 14x14x64, which both versions compute rightly.
ConvolutionFacts good(int channels = 64, int size = 14, int kernel = 3, int out = 64) {
  ConvolutionFacts facts;
  facts.input = uint8_of({1, size, size, channels});
  facts.output = uint8_of({1, size, size, out});
  facts.weights = uint8_of({out, kernel, kernel, channels});
  facts.weights.constant = true;
  facts.bias.int32 = facts.bias.constant = true;
  return facts;
}

ConvolutionFacts good_depthwise(int channels = 64) {
  ConvolutionFacts facts = good(channels, 14, 3, channels);
  facts.depthwise = true;
  facts.weights.dims = {1, 3, 3, channels};
  return facts;
}

TEST(TeflonConvolution, WhatIsRightMayGo) {
  EXPECT_EQ(why_not(good(), kNew), "");
  EXPECT_EQ(why_not(good(), kOld), "");
  EXPECT_EQ(why_not(good_depthwise(), kNew), "");
}

TEST(TeflonConvolution, OnlyUnsignedPerTensorConstants) {
  ConvolutionFacts facts = good();
  facts.input.uint8 = false;
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("unsigned"));
  facts = good();
  facts.weights.per_channel = true;
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("per channel"));
  facts = good();
  facts.weights.one_scale = false;
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("no scale"));
  facts = good();
  facts.weights.constant = false;
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("constants"));
  facts = good();
  facts.bias.constant = false;
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("constants"));
  facts = good();
  facts.inputs = 2;
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("constants"));
}

// Today's converters write signed bytes with a scale per channel: those it never claims.
TEST(TeflonConvolution, WhatMesaRefusesItselfIsNoDanger) {
  ConvolutionFacts facts = good();
  facts.input.uint8 = facts.weights.uint8 = facts.output.uint8 = false;
  EXPECT_FALSE(refused_by_mesa(why_not(facts, kNew)));
  facts.weights.per_channel = true;
  EXPECT_TRUE(refused_by_mesa(why_not(facts, kNew)));
  facts.weights.per_channel = false;
  facts.dilation_width = 2;
  EXPECT_TRUE(refused_by_mesa(why_not(facts, kNew)));
  facts = good();
  facts.activation = Activation::kRelu6;
  facts.output.scale = 1.0F;
  EXPECT_TRUE(refused_by_mesa(why_not(facts, kNew)));
}

TEST(TeflonConvolution, Geometry) {
  ConvolutionFacts facts = good();
  facts.input.dims[0] = 2;
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("batch"));
  facts = good();
  facts.input.dims[1] = 15;
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("not square"));
  facts = good(64, 14, 1);
  facts.input.dims[1] = 15;
  EXPECT_EQ(why_not(facts, kNew), "") << "1x1 with stride 1 looks at one pixel at a time";
  facts.stride_width = facts.stride_height = 2;
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("not square"));
  facts = good();
  facts.stride_height = 2;
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("stride"));
  facts = good();
  facts.weights.dims[2] = 1;
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("kernel"));
  facts = good();
  facts.dilation_width = 2;
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("dilated"));
  EXPECT_THAT(why_not(good(1), kNew), HasSubstr("one channel"));
  facts = good_depthwise();
  facts.depth_multiplier = 2;
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("multiplier"));
}

TEST(TeflonConvolution, Activations) {
  ConvolutionFacts facts = good();
  facts.activation = Activation::kRelu;
  EXPECT_EQ(why_not(facts, kNew), "");
  facts.activation = Activation::kOther;
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("ReLU"));
  facts.activation = Activation::kRelu6;
  facts.output = uint8_of({1, 14, 14, 64}, 0, 6.0F / 255);
  EXPECT_EQ(why_not(facts, kNew), "");
  facts.output.scale = 6.1F / 255;
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("ReLU6"));
}

TEST(TeflonConvolution, TheBufferIsTooSmallForThreeAtomsOverFour) {
  for (const int channels : {33, 48, 97, 112, 161, 176})
    EXPECT_THAT(why_not(good(channels), kNew), HasSubstr("buffer too small")) << channels;
  for (const int channels : {32, 49, 64, 113, 128})
    EXPECT_EQ(why_not(good(channels), kNew), "") << channels;
  EXPECT_EQ(why_not(good(40, 40), kNew), "") << "the one case that the driver knows";
}

TEST(TeflonConvolution, PaddingOfDepthwiseNeedsTwoEqualBytes) {
  ConvolutionFacts facts = good_depthwise();
  facts.same_padding = true;
  for (const int zero : {0, 0x7f, 0x80, 0x8b}) {
    facts.input.zero_point = zero;
    EXPECT_EQ(why_not(facts, kNew), "") << zero;
  }
  facts.input.zero_point = 4;
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("padding"));
  facts.same_padding = false;
  EXPECT_EQ(why_not(facts, kNew), "");
  ConvolutionFacts plain = good();
  plain.same_padding = true;
  plain.input.zero_point = 4;
  EXPECT_EQ(why_not(plain, kNew), "");
}

TEST(TeflonConvolution, StreamedWeightsWithASlicedInputEndTheProcess) {
  EXPECT_THAT(why_not(good(256, 40, 3, 256), kNew), HasSubstr("too large together"));
  EXPECT_EQ(why_not(good(256, 7, 3, 256), kNew), "") << "the input is small";
  EXPECT_EQ(why_not(good(64, 80, 1, 64), kNew), "") << "the weights are small";
}

TEST(TeflonConvolution, PackingBefore26Point2) {
  for (const int channels : {17, 24, 31}) {
    EXPECT_THAT(why_not(good(channels), kOld), HasSubstr("packed")) << channels;
    EXPECT_THAT(why_not(good(channels), MesaVersion{}), HasSubstr("packed")) << "unknown version";
    EXPECT_EQ(why_not(good(channels), kNew), "") << channels;
  }
  EXPECT_EQ(why_not(good(32), kOld), "");
  EXPECT_THAT(why_not(good_depthwise(24), kOld), HasSubstr("packed"));
  EXPECT_EQ(why_not(good_depthwise(32), kOld), "");
  EXPECT_EQ(why_not(good_depthwise(24), kNew), "");
}

AdditionFacts good_addition() {
  const TensorFacts tensor = uint8_of({1, 14, 14, 64});
  return {tensor, tensor, tensor};
}

TEST(TeflonAddition, OneByOne) {
  EXPECT_EQ(why_not(good_addition(), kNew), "");
  EXPECT_THAT(why_not(good_addition(), kOld), HasSubstr("before Mesa 26.2"));
  AdditionFacts facts = good_addition();
  facts.b.uint8 = false;
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("unsigned"));
  facts = good_addition();
  facts.b.dims = {1, 1, 1, 64};
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("differ in shape"));
  facts = good_addition();
  facts.activation = Activation::kRelu;
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("activation"));
  facts = good_addition();
  facts.b.constant = true;
  EXPECT_THAT(why_not(facts, kNew), HasSubstr("constant"));
}

ClaimedNode conv(int node, int from, int to) {
  return {node, true, {from, 100 + node, 200 + node}, to};
}
ClaimedNode sum(int node, int a, int b, int to) {
  return {node, false, {a, b}, to};
}

TEST(TeflonPartition, AdditionsThatCanBeFused) {
  // x -> c0 -> c1; c1 + x, where x also feeds c0; and c1's other operand made before it.
  EXPECT_EQ(unsafe_addition({conv(0, 1, 2), conv(1, 2, 3), sum(2, 3, 1, 4)}, {4}), std::nullopt);
  EXPECT_EQ(unsafe_addition({conv(0, 1, 2), conv(1, 2, 3), sum(2, 3, 2, 4)}, {4}), std::nullopt);
}

TEST(TeflonPartition, AdditionsThatCrashOrLie) {
  EXPECT_EQ(unsafe_addition({sum(0, 1, 2, 3)}, {3}), 0) << "no convolution makes its operand";
  EXPECT_EQ(unsafe_addition({conv(0, 1, 2), sum(1, 2, 1, 3), sum(2, 3, 1, 4)}, {4}), 2)
      << "an addition makes its operand";
  EXPECT_EQ(unsafe_addition({conv(0, 1, 2), sum(1, 2, 1, 3)}, {2, 3}), 1)
      << "the convolution's own result leaves the partition";
  EXPECT_EQ(unsafe_addition({conv(0, 1, 2), conv(1, 2, 3), sum(2, 2, 1, 4)}, {3, 4}), 2)
      << "the convolution's own result has another reader";
  EXPECT_EQ(unsafe_addition({conv(0, 1, 2), conv(1, 1, 3), sum(2, 2, 3, 4)}, {4}), 2)
      << "the other operand is made too late";
  EXPECT_EQ(unsafe_addition({conv(0, 1, 2), sum(1, 2, 9, 3)}, {3}), 1)
      << "nothing brings the other operand onto the device";
  EXPECT_EQ(unsafe_addition({conv(0, 1, 2), sum(1, 2, 2, 3)}, {3}), 1) << "twice the same";
}

TEST(MesaVersion, Words) {
  EXPECT_EQ(mesa_version_from("26.1.6-1")->text(), "26.1.6");
  EXPECT_EQ(mesa_version_from("26.2.0")->text(), "26.2.0");
  EXPECT_EQ(mesa_version_from("26.2.0-devel")->text(), "26.2.0");
  for (const char* text : {"", "26", "26.1", "26.1.", "a.b.c", "2.3.2", "26.-1.0", "1000.0.0"})
    EXPECT_FALSE(mesa_version_from(text)) << text;
  EXPECT_TRUE(MesaVersion{}.before(10, 0));
}

TEST(MesaVersion, TheLeakEndsWith26Point1Point5) {
  EXPECT_TRUE(leaks_mappings({26, 0, 8}));
  EXPECT_TRUE(leaks_mappings({26, 1, 4}));
  EXPECT_TRUE(leaks_mappings({}));
  EXPECT_FALSE(leaks_mappings({26, 1, 5}));
  EXPECT_FALSE(leaks_mappings({26, 2, 0}));
}

// TFLite's common.h of 2.9 and 2.14, and the kernel's drm.h and rocket_accel.h; LP64.
TEST(TeflonAbi, Layouts) {
  using tflite::DelegateParams, tflite::DepthwiseConvParams, tflite::Node, tflite::Registration;
  using tflite::WholeContext, tflite::WholeDelegate;
  EXPECT_EQ(sizeof(WholeDelegate), 56U);
  EXPECT_EQ(offsetof(WholeDelegate, prepare), 8U);
  EXPECT_EQ(offsetof(WholeDelegate, flags), 40U);
  EXPECT_EQ(offsetof(WholeContext, get_execution_plan), 8U);
  EXPECT_EQ(offsetof(WholeContext, tensors), 16U);
  EXPECT_EQ(offsetof(WholeContext, get_node), 56U);
  EXPECT_EQ(offsetof(WholeContext, replace_nodes), 64U);
  EXPECT_EQ(offsetof(WholeContext, recommended_threads), 72U);
  EXPECT_EQ(offsetof(WholeContext, relax_to_half), 96U);
  EXPECT_EQ(offsetof(WholeContext, preview_partitions), 152U);
  EXPECT_EQ(offsetof(Node, user_data), 32U);
  EXPECT_EQ(offsetof(Node, builtin_data), 40U);
  EXPECT_EQ(offsetof(Registration, builtin_code), 40U);
  EXPECT_EQ(offsetof(DelegateParams, nodes), 8U);
  EXPECT_EQ(offsetof(DelegateParams, outputs), 24U);
  EXPECT_EQ(offsetof(DepthwiseConvParams, activation), 16U);
  EXPECT_EQ(sizeof(DrmVersion), 64U);
  EXPECT_EQ(offsetof(DrmVersion, name), 24U);
  EXPECT_EQ(sizeof(RocketCreateBo), 24U);
  EXPECT_EQ(sizeof(DrmGemClose), 8U);
}

}  // namespace
}  // namespace anynpu::engine::teflon
