// SPDX-License-Identifier: Apache-2.0
// WebP: alpha, animations, headers that lie.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vision/decode.h"
#include "vision/test_pictures.h"

namespace anynpu::vision {
namespace {

using test::Encoded;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Webp, TransparentPixelsLieOverWhite) {
  const Image image = make_image(3, 1);
  const auto decoded =
      decode(test::webp(image, true, {200, 0, 0, 255, 200, 0, 0, 128, 200, 0, 0, 0}));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_THAT(decoded->image.rgb, ElementsAre(200, 0, 0, 227, 127, 127, 255, 255, 255));
}

TEST(Webp, AnimationsAreRefused) {
  const auto decoded = decode(test::webp_extended(10, 10, 0x02, Encoded(32, std::byte{0})));
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, Code::kUnsupported);
  EXPECT_THAT(decoded.error().message, HasSubstr("animated"));
}

TEST(Webp, HugeSizesAreRefusedFromTheHeader) {
  // Lossless: 14 bits each of width - 1 and height - 1 after the signature byte.
  Encoded lossless = test::webp(test::gradient(8, 8), true);
  test::put(lossless, 21, 5999U | 5999U << 14, 4);
  const auto held = decode(lossless);
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().code, Code::kTooLarge);
  // Lossy: 14 bits each of width and height after the start code.
  Encoded lossy = test::webp(test::gradient(8, 8), false);
  test::put(lossy, 26, 16383, 2);
  test::put(lossy, 28, 16383, 2);
  const auto many = decode(lossy);
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code, Code::kTooLarge);
  test::put(lossy, 26, 0, 2);
  EXPECT_FALSE(decode(lossy));
}

TEST(Webp, DamagedDataIsAnError) {
  Encoded encoded = test::webp(test::gradient(64, 64), true);
  for (std::size_t at = 25; at < encoded.size(); ++at) encoded[at] = std::byte{0xFF};
  const auto decoded = decode(encoded);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, Code::kInvalid);
}

}  // namespace
}  // namespace anynpu::vision
