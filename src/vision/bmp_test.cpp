// SPDX-License-Identifier: Apache-2.0
// BMP: every depth, both row orders, bit fields, headers that lie.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vision/decode.h"
#include "vision/test_pictures.h"

namespace anynpu::vision {
namespace {

using test::bmp;
using test::Encoded;
using test::pixels_of;
using testing::ElementsAre;
using testing::HasSubstr;

Error error_of(const Encoded& encoded) {
  const auto decoded = decode(encoded);
  EXPECT_FALSE(decoded);
  return decoded ? Error{} : decoded.error();
}

TEST(Bmp, RowsFromBelowAndFromAbove) {
  const std::vector<std::uint8_t> rows = {3, 2, 1, 0, 6, 5, 4, 0};
  EXPECT_THAT(pixels_of(bmp(1, 2, rows)), ElementsAre(4, 5, 6, 1, 2, 3));
  EXPECT_THAT(pixels_of(bmp(1, 2, rows, {.top_down = true})), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(Bmp, Palettes) {
  const std::vector<std::array<std::uint8_t, 3>> palette = {{1, 2, 3}, {4, 5, 6}};
  EXPECT_THAT(pixels_of(bmp(2, 1, {0x40, 0, 0, 0}, {.bits = 1, .palette = palette})),
              ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(pixels_of(bmp(2, 1, {0x10, 0, 0, 0}, {.bits = 4, .palette = palette})),
              ElementsAre(4, 5, 6, 1, 2, 3));
  EXPECT_THAT(pixels_of(bmp(2, 1, {1, 0, 0, 0}, {.bits = 8, .palette = palette})),
              ElementsAre(4, 5, 6, 1, 2, 3));
  EXPECT_THAT(pixels_of(bmp(2, 1, {0x40, 0, 0, 0}, {.bits = 1, .core = true, .palette = palette})),
              ElementsAre(1, 2, 3, 4, 5, 6));
  // An index without a colour is black.
  EXPECT_THAT(pixels_of(bmp(1, 1, {200, 0, 0, 0}, {.bits = 8, .palette = palette})),
              ElementsAre(0, 0, 0));
}

TEST(Bmp, SixteenBits) {
  // Five bits each without masks; 31 is 255.
  EXPECT_THAT(pixels_of(bmp(2, 1, {0x1F, 0x7C, 0x00, 0x02}, {.bits = 16})),
              ElementsAre(255, 0, 255, 0, 132, 0));
  EXPECT_THAT(pixels_of(bmp(2, 1, {0xE0, 0x07, 0x1F, 0xF8},
                            {.bits = 16, .compression = 3, .masks = {0xF800, 0x07E0, 0x001F}})),
              ElementsAre(0, 255, 0, 255, 0, 255));
}

TEST(Bmp, ThirtyTwoBits) {
  EXPECT_THAT(pixels_of(bmp(1, 1, {3, 2, 1, 0}, {.bits = 32})), ElementsAre(1, 2, 3));
  EXPECT_THAT(
      pixels_of(bmp(1, 1, {9, 1, 2, 3},
                    {.bits = 32, .compression = 3, .masks = {0xFF00, 0xFF0000, 0xFF000000}})),
      ElementsAre(1, 2, 3));
  // Ten bits each.
  EXPECT_THAT(
      pixels_of(bmp(1, 1, {0xFF, 0x03, 0x00, 0x20},
                    {.bits = 32, .compression = 3, .masks = {0x3FF00000, 0x000FFC00, 0x3FF}})),
      ElementsAre(128, 0, 255));
}

TEST(Bmp, WhatIsNotReadIsSaid) {
  const Error coded =
      error_of(bmp(2, 2, std::vector<std::uint8_t>(64), {.bits = 8, .compression = 1}));
  EXPECT_EQ(coded.code, Code::kUnsupported);
  EXPECT_THAT(coded.message, HasSubstr("run-length"));
  EXPECT_EQ(error_of(bmp(2, 2, std::vector<std::uint8_t>(64), {.bits = 24, .compression = 5})).code,
            Code::kUnsupported);
  EXPECT_EQ(error_of(bmp(2, 2, std::vector<std::uint8_t>(64), {.bits = 64})).code,
            Code::kUnsupported);
  EXPECT_EQ(error_of(bmp(2, 2, std::vector<std::uint8_t>(64), {.bits = 0})).code,
            Code::kUnsupported);
}

TEST(Bmp, HeadersThatLie) {
  const Encoded plain = bmp(test::gradient(4, 4));
  const auto with = [&](std::size_t at, std::uint32_t value) {
    Encoded changed = plain;
    test::put(changed, at, value, 4);
    return error_of(changed);
  };
  EXPECT_EQ(with(18, 30000).code, Code::kInvalid);  // more pixels than there are bytes
  EXPECT_THAT(with(18, 30000).message, HasSubstr("cut short"));
  EXPECT_EQ(with(18, 40000).code, Code::kTooLarge);
  EXPECT_EQ(with(18, 0).code, Code::kInvalid);
  EXPECT_EQ(with(18, 0xFFFFFFFF).code, Code::kInvalid);
  EXPECT_EQ(with(22, 0).code, Code::kInvalid);
  EXPECT_EQ(with(22, 0x80000000).code, Code::kTooLarge);
  EXPECT_EQ(with(14, 13).code, Code::kInvalid);  // the header's size
  EXPECT_EQ(with(14, 0xFFFFFFF0).code, Code::kInvalid);
  EXPECT_EQ(with(10, 0xFFFFFFF0).code, Code::kInvalid);  // where the pixels are
  EXPECT_EQ(with(10, 4).code, Code::kInvalid);
  EXPECT_EQ(
      error_of(bmp(1, 1, {0, 0, 0, 0}, {.bits = 32, .compression = 3, .masks = {0x505, 0, 0}}))
          .code,
      Code::kInvalid);
}

}  // namespace
}  // namespace anynpu::vision
