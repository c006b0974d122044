// SPDX-License-Identifier: Apache-2.0
// JPEG: kinds of it, and headers that lie.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vision/decode.h"
#include "vision/jpeg_header.h"
#include "vision/test_pictures.h"

namespace anynpu::vision {
namespace {

using test::Encoded;
using testing::HasSubstr;

// The offset of the first marker with this second byte.
std::size_t marker(const Encoded& jpeg, int second) {
  for (std::size_t at = 2; at + 1 < jpeg.size(); ++at)
    if (jpeg[at] == std::byte{0xFF} && jpeg[at + 1] == static_cast<std::byte>(second)) return at;
  return jpeg.size();
}

Encoded with_size(Encoded jpeg, int frame_marker, int width, int height) {
  const std::size_t frame = marker(jpeg, frame_marker);
  test::put(jpeg, frame + 5, static_cast<std::uint64_t>(height), 2, true);
  test::put(jpeg, frame + 7, static_cast<std::uint64_t>(width), 2, true);
  return jpeg;
}

TEST(Jpeg, GreyBecomesThreeEqualChannels) {
  const Image image = test::gradient(33, 20);
  const auto decoded = decode(test::jpeg(image, TJSAMP_GRAY));
  ASSERT_TRUE(decoded) << decoded.error().message;
  for (std::size_t i = 0; i < decoded->image.rgb.size(); i += 3) {
    EXPECT_EQ(decoded->image.rgb[i], decoded->image.rgb[i + 1]);
    EXPECT_EQ(decoded->image.rgb[i], decoded->image.rgb[i + 2]);
  }
}

TEST(Jpeg, InksBecomeColours) {
  // As stored with Adobe's marker: 255 is no ink. Cyan ink alone, all inks off, black ink alone.
  std::vector<std::uint8_t> inks;
  for (int i = 0; i < 16 * 48; ++i) {
    const int band = i % 48 / 16;
    inks.insert(inks.end(), {static_cast<std::uint8_t>(band == 0 ? 0 : 255), 255, 255,
                             static_cast<std::uint8_t>(band == 2 ? 0 : 255)});
  }
  const auto decoded = decode(test::jpeg_pixels(inks.data(), 48, 16, TJPF_CMYK, TJSAMP_444, 0));
  ASSERT_TRUE(decoded) << decoded.error().message;
  const std::uint8_t* row = decoded->image.row(8);
  EXPECT_LT(row[3 * 8], 10);
  EXPECT_GT(row[3 * 8 + 1], 245);
  EXPECT_GT(row[3 * 24], 245);
  EXPECT_LT(row[3 * 40 + 1], 10);
}

TEST(Jpeg, ReducedInksKeepTheirColours) {
  std::vector<std::uint8_t> inks(64 * 64 * 4, 255);
  const auto decoded = decode(test::jpeg_pixels(inks.data(), 64, 64, TJPF_CMYK, TJSAMP_444, 0),
                              {.target_width = 16, .target_height = 16});
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->image.width, 16);
  EXPECT_GT(decoded->image.rgb[100], 250);
}

TEST(Jpeg, HugeSizesAreRefusedFromTheHeader) {
  const Encoded plain = test::jpeg(test::gradient(16, 16));
  const auto huge = decode(with_size(plain, 0xC0, 65535, 65535));
  ASSERT_FALSE(huge);
  EXPECT_EQ(huge.error().code, Code::kTooLarge);
  EXPECT_THAT(huge.error().message, HasSubstr("65535 x 65535"));
  const auto many = decode(with_size(plain, 0xC0, 20000, 20000));
  ASSERT_FALSE(many);
  EXPECT_THAT(many.error().message, HasSubstr("100 megapixels"));
  // The same size is allowed row by row, and not where all of it has to be held.
  const auto rows =
      decode(with_size(plain, 0xC0, 6000, 6000), {.target_width = 8, .target_height = 8});
  ASSERT_FALSE(rows);
  EXPECT_THAT(rows.error().message, HasSubstr("JPEG is broken"));
  const Encoded progressive = test::jpeg(test::gradient(16, 16), TJSAMP_444, TJFLAG_PROGRESSIVE);
  const auto held = decode(with_size(progressive, 0xC2, 6000, 6000));
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().code, Code::kTooLarge);
  EXPECT_THAT(held.error().message, HasSubstr("progressive"));
}

TEST(Jpeg, EmptySizesAreRefused) {
  const Encoded plain = test::jpeg(test::gradient(16, 16));
  for (const auto& [width, height] : {std::pair{0, 16}, std::pair{16, 0}}) {
    const auto decoded = decode(with_size(plain, 0xC0, width, height));
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, Code::kInvalid);
  }
}

TEST(Jpeg, TooManyScansAreRefused) {
  Encoded jpeg = test::jpeg(test::gradient(16, 16), TJSAMP_444, TJFLAG_PROGRESSIVE);
  const auto header = read_jpeg_header(jpeg);
  ASSERT_TRUE(header);
  EXPECT_TRUE(header->buffered);
  EXPECT_LT(count_scans(jpeg, header->first_scan), 20);
  // The last scan over and over again.
  std::size_t last = 0;
  for (std::size_t at = 0; at + 1 < jpeg.size(); ++at)
    if (jpeg[at] == std::byte{0xFF} && jpeg[at + 1] == std::byte{0xDA}) last = at;
  const Encoded scan(jpeg.begin() + static_cast<std::ptrdiff_t>(last), jpeg.end() - 2);
  for (int i = 0; i < 100; ++i) jpeg.insert(jpeg.end() - 2, scan.begin(), scan.end());
  const auto decoded = decode(jpeg);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, Code::kTooLarge);
}

TEST(Jpeg, OtherKindsAreRefusedByName) {
  Encoded lossless = test::jpeg(test::gradient(16, 16));
  lossless[marker(lossless, 0xC0) + 1] = std::byte{0xC3};
  const auto decoded = decode(lossless);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, Code::kUnsupported);
  Encoded deep = test::jpeg(test::gradient(16, 16));
  deep[marker(deep, 0xC0) + 4] = std::byte{12};
  const auto bits = decode(deep);
  ASSERT_FALSE(bits);
  EXPECT_EQ(bits.error().code, Code::kUnsupported);
  EXPECT_THAT(bits.error().message, HasSubstr("12 bits"));
}

TEST(Jpeg, DamagedDataIsAnErrorAndBytesAfterTheEndAreNot) {
  const Encoded jpeg = test::jpeg(test::gradient(64, 64));
  Encoded trailing = jpeg;
  test::append(trailing, "appended by some camera");
  EXPECT_TRUE(decode(trailing));
  const std::size_t scan = marker(jpeg, 0xDA) + 14;
  Encoded ends_early = jpeg;
  test::put(ends_early, scan + 40, 0xFFD9, 2, true);
  Encoded no_code = jpeg;  // only ones, which no Huffman code is made of
  for (std::size_t at = scan + 40; at < scan + 60; at += 2) test::put(no_code, at, 0xFF00, 2, true);
  for (const Encoded& damaged : {ends_early, no_code}) {
    const auto decoded = decode(damaged);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, Code::kInvalid);
    EXPECT_THAT(decoded.error().message, HasSubstr("JPEG is broken"));
  }
}

TEST(Jpeg, TwoFramesAreRefused) {
  Encoded jpeg = test::jpeg(test::gradient(16, 16));
  const auto frame = static_cast<std::ptrdiff_t>(marker(jpeg, 0xC0));
  const Encoded copy(jpeg.begin() + frame, jpeg.begin() + frame + 19);
  jpeg.insert(jpeg.begin() + frame, copy.begin(), copy.end());
  EXPECT_FALSE(decode(jpeg));
}

}  // namespace
}  // namespace anynpu::vision
