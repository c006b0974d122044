// SPDX-License-Identifier: Apache-2.0
// Samples written into tensors: types, quantisation, layouts, colours.
#include "vision/pixels.h"

#include <bit>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/half.h"

namespace anynpu::vision {
namespace {

using engine::DType;
using testing::ElementsAre;

engine::TensorInfo tensor(DType type, engine::Shape shape, std::vector<float> scales = {},
                          std::vector<std::int32_t> zero_points = {}) {
  return {"input", type, std::move(shape), {std::move(scales), std::move(zero_points), 0}};
}

const model::Preprocess kBytes = {.mean = {0, 0, 0}, .std = {1, 1, 1}};

template <typename Element>
std::vector<Element> written(const engine::TensorInfo& info, const model::Preprocess& preprocess,
                             const Image& image) {
  const auto layout = picture_layout(info);
  const auto table = sample_table(info, preprocess);
  EXPECT_TRUE(layout && table);
  std::vector<Element> elements(static_cast<std::size_t>(engine::element_count(info.shape)));
  write_samples(image, *layout, preprocess.colour, *table,
                std::as_writable_bytes(std::span(elements)));
  return elements;
}

const Image kTwo = {2, 1, {10, 20, 30, 40, 50, 60}};

TEST(Pixels, LayoutsAreRecognised) {
  const auto last = picture_layout(tensor(DType::kUint8, {1, 20, 30, 3}));
  ASSERT_TRUE(last);
  EXPECT_FALSE(last->channels_first);
  EXPECT_EQ(last->height, 20);
  EXPECT_EQ(last->width, 30);
  const auto first = picture_layout(tensor(DType::kFloat32, {-1, 1, 20, -1}));
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->channels_first);
  EXPECT_EQ(first->channels, 1);
  EXPECT_EQ(first->height, 20);
  EXPECT_EQ(first->width, -1);
  for (const engine::Shape& shape : {engine::Shape{1, 20, 30, 4}, {1, 16000}, {20, 30, 3}, {}})
    EXPECT_FALSE(picture_layout(tensor(DType::kFloat32, shape)));
}

TEST(Pixels, FloatsAreNormalised) {
  const model::Preprocess preprocess = {.mean = {10, 0, 30}, .std = {2, 4, 0.5F}};
  EXPECT_THAT(written<float>(tensor(DType::kFloat32, {1, 1, 2, 3}), preprocess, kTwo),
              ElementsAre(0, 5, 0, 15, 12.5F, 60));
}

TEST(Pixels, PlanesAndColours) {
  model::Preprocess preprocess = kBytes;
  EXPECT_THAT(written<float>(tensor(DType::kFloat32, {1, 3, 1, 2}), preprocess, kTwo),
              ElementsAre(10, 40, 20, 50, 30, 60));
  preprocess.colour = model::Colour::kBgr;
  EXPECT_THAT(written<std::uint8_t>(tensor(DType::kUint8, {1, 1, 2, 3}), preprocess, kTwo),
              ElementsAre(30, 20, 10, 60, 50, 40));
  // 0.299 R + 0.587 G + 0.114 B
  EXPECT_THAT(written<std::uint8_t>(tensor(DType::kUint8, {1, 1, 2, 1}), preprocess, kTwo),
              ElementsAre(18, 48));
  preprocess.colour = model::Colour::kGrey;
  EXPECT_THAT(written<std::uint8_t>(tensor(DType::kUint8, {1, 3, 1, 2}), preprocess, kTwo),
              ElementsAre(18, 48, 18, 48, 18, 48));
}

TEST(Pixels, MeanAndStdFollowTheChannelAsTheModelCountsIt) {
  model::Preprocess preprocess = {.mean = {0, 0, 100}, .std = {1, 1, 1}};
  preprocess.colour = model::Colour::kBgr;  // so 100 is red's
  EXPECT_THAT(written<float>(tensor(DType::kFloat32, {1, 1, 2, 3}), preprocess, kTwo),
              ElementsAre(30, 20, -90, 60, 50, -60));
}

TEST(Pixels, HalfFloats) {
  const auto half = written<std::uint16_t>(tensor(DType::kFloat16, {1, 1, 2, 3}), {}, kTwo);
  EXPECT_NEAR(engine::half_to_float(half[0]), (10 - 127.5F) / 127.5F, 1e-3);
  const auto brain = written<std::uint16_t>(tensor(DType::kBFloat16, {1, 1, 2, 3}), kBytes, kTwo);
  EXPECT_EQ(engine::bfloat16_to_float(brain[5]), 60);
}

TEST(Pixels, QuantisedFromBytesCopiesThem) {
  // -1 to 1 as these models write it: with 1/127.5 or 1/128, and zero at 127 or 128.
  for (const auto& [scale, zero] :
       {std::pair{1 / 127.5F, 128}, std::pair{0.0078125F, 128}, std::pair{0.0078125F, 127}}) {
    const auto table = sample_table(tensor(DType::kUint8, {1, 1, 2, 3}, {scale}, {zero}), {});
    ASSERT_TRUE(table);
    EXPECT_TRUE(table->copies) << scale << " " << zero;
  }
  const auto table = sample_table(tensor(DType::kInt8, {1, 1, 2, 3}, {0.0078125F}, {-1}), {});
  ASSERT_TRUE(table);
  EXPECT_FALSE(table->copies);
  EXPECT_EQ(static_cast<std::int8_t>(table->bits[0][0]), -128);
  EXPECT_EQ(static_cast<std::int8_t>(table->bits[1][200]), 72);
}

TEST(Pixels, OtherQuantisationsAreRoundedAndCut) {
  // real = (v - 0) / 255; stored = real / 0.01 + 10, at most 110.
  const model::Preprocess preprocess = {.mean = {0, 0, 0}, .std = {255, 255, 51}};
  const auto table = sample_table(tensor(DType::kUint8, {1, 1, 2, 3}, {0.01F}, {10}), preprocess);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->bits[0][0], 10U);
  EXPECT_EQ(table->bits[0][255], 110U);
  EXPECT_EQ(table->bits[0][128], 60U);   // 60.196
  EXPECT_EQ(table->bits[2][128], 255U);  // 260.98
  const auto wide =
      written<std::int16_t>(tensor(DType::kInt16, {1, 1, 2, 3}, {1 / 32768.0F}, {0}), {}, kTwo);
  EXPECT_EQ(wide[0], static_cast<std::int16_t>(std::lround((10 - 127.5) / 127.5 * 32768)));
}

TEST(Pixels, IntegersWithoutQuantisationGetTheBytes) {
  EXPECT_THAT(written<std::uint8_t>(tensor(DType::kUint8, {1, 1, 2, 3}), {}, kTwo),
              ElementsAre(10, 20, 30, 40, 50, 60));
  EXPECT_THAT(written<std::int8_t>(tensor(DType::kInt8, {1, 1, 2, 3}), {}, kTwo),
              ElementsAre(-118, -108, -98, -88, -78, -68));
  EXPECT_THAT(written<std::int32_t>(tensor(DType::kInt32, {1, 1, 2, 3}), {}, kTwo),
              ElementsAre(10, 20, 30, 40, 50, 60));
  // A scale that is no number is no quantisation.
  EXPECT_TRUE(sample_table(tensor(DType::kUint8, {1, 1, 2, 3}, {0.0F}, {0}), {})->copies);
}

TEST(Pixels, WhatCannotBeWrittenIsSaid) {
  EXPECT_FALSE(sample_table(tensor(DType::kString, {1, 1, 2, 3}), {}));
  EXPECT_FALSE(sample_table(tensor(DType::kComplex64, {1, 1, 2, 3}), {}));
  EXPECT_FALSE(sample_table(tensor(DType::kFloat32, {1, 1, 2, 3}), {.std = {1, 0, 1}}));
}

}  // namespace
}  // namespace anynpu::vision
