// SPDX-License-Identifier: Apache-2.0
// PNG: colour types, alpha, checksums, headers that lie; and PNG written by us.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vision/decode.h"
#include "vision/png_writer.h"
#include "vision/test_pictures.h"

namespace anynpu::vision {
namespace {

using test::Encoded;
using test::pixels_of;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Png, TransparentPixelsLieOverWhite) {
  EXPECT_THAT(pixels_of(test::png(3, 1, {200, 0, 0, 255, 200, 0, 0, 128, 200, 0, 0, 0},
                                  {.colour_type = PNG_COLOR_TYPE_RGBA})),
              ElementsAre(200, 0, 0, 227, 127, 127, 255, 255, 255));
  EXPECT_THAT(
      pixels_of(test::png(2, 1, {100, 255, 100, 0}, {.colour_type = PNG_COLOR_TYPE_GRAY_ALPHA})),
      ElementsAre(100, 100, 100, 255, 255, 255));
}

TEST(Png, PaletteWithAndWithoutAlpha) {
  test::PngOptions options{.colour_type = PNG_COLOR_TYPE_PALETTE, .depth = 4};
  options.palette = {{10, 20, 30}, {40, 50, 60}};
  EXPECT_THAT(pixels_of(test::png(2, 1, {0x01}, options)), ElementsAre(10, 20, 30, 40, 50, 60));
  options.palette_alpha = {0};
  EXPECT_THAT(pixels_of(test::png(2, 1, {0x01}, options)), ElementsAre(255, 255, 255, 40, 50, 60));
}

TEST(Png, GreyOfOneBitAndSixteen) {
  EXPECT_THAT(pixels_of(test::png(2, 1, {0x40}, {.colour_type = PNG_COLOR_TYPE_GRAY, .depth = 1})),
              ElementsAre(0, 0, 0, 255, 255, 255));
  // 0x80FF is 128.99 of 255, so it is rounded and not cut.
  EXPECT_THAT(pixels_of(test::png(2, 1, {0x80, 0xFF, 0xFF, 0xFF},
                                  {.colour_type = PNG_COLOR_TYPE_GRAY, .depth = 16})),
              ElementsAre(128, 128, 128, 255, 255, 255));
  EXPECT_THAT(pixels_of(test::png(1, 1, {0x12, 0xFE, 0x34, 0x00, 0x56, 0x01}, {.depth = 16})),
              ElementsAre(19, 52, 86));
}

TEST(Png, WrongChecksumsAreErrors) {
  const Encoded plain = test::png(test::gradient(20, 20));
  // In the header, in the pixels, and in metadata that is otherwise passed over.
  Encoded metadata = test::png_with_chunk(plain, "tEXt", Encoded(20, std::byte{65}));
  ASSERT_TRUE(decode(metadata));
  metadata[45] ^= std::byte{1};
  Encoded header = plain;
  header[29] ^= std::byte{1};
  Encoded pixels = plain;
  pixels[plain.size() - 14] ^= std::byte{1};
  for (const Encoded& broken : {metadata, header, pixels}) {
    const auto decoded = decode(broken);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, Code::kInvalid);
    EXPECT_THAT(decoded.error().message, HasSubstr("PNG is broken"));
  }
}

TEST(Png, HugeAndEmptySizesAreRefusedFromTheHeader) {
  const auto with_size = [](std::uint32_t width, std::uint32_t height, bool interlaced) {
    Encoded encoded = test::png(test::gradient(8, 8), {.interlaced = interlaced});
    test::put(encoded, 16, width, 4, true);
    test::put(encoded, 20, height, 4, true);
    test::put(encoded, 29, test::png_crc(encoded, 12, 17), 4, true);
    return decode(encoded);
  };
  for (const auto& [width, height] :
       {std::pair{2000000000U, 1U}, std::pair{32768U, 10U}, std::pair{20000U, 20000U}}) {
    const auto decoded = with_size(width, height, false);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, Code::kTooLarge) << decoded.error().message;
  }
  const auto interlaced = with_size(6000, 6000, true);
  ASSERT_FALSE(interlaced);
  EXPECT_EQ(interlaced.error().code, Code::kTooLarge);
  const auto row_by_row = with_size(6000, 6000, false);
  ASSERT_FALSE(row_by_row);
  EXPECT_EQ(row_by_row.error().code, Code::kInvalid);
  EXPECT_EQ(with_size(0, 8, false).error().code, Code::kInvalid);
  EXPECT_EQ(with_size(8, 0xFFFFFFFF, false).error().code, Code::kInvalid);
}

TEST(Png, CompressedMetadataIsNotUnpacked) {
  // A profile that would not unpack: it is not looked at.
  Encoded profile;
  test::append(profile, std::string_view("name\0\0not deflate", 17));
  EXPECT_TRUE(decode(test::png_with_chunk(test::png(test::gradient(8, 8)), "iCCP", profile)));
}

TEST(Png, WrittenPicturesReadTheSame) {
  const Image image = test::gradient(37, 23);
  const auto png = encode_png(image);
  ASSERT_TRUE(png) << png.error().message;
  EXPECT_EQ(pixels_of(*png), image.rgb);
  EXPECT_FALSE(encode_png(Image{}));
}

}  // namespace
}  // namespace anynpu::vision
