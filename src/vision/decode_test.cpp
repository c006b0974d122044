// SPDX-License-Identifier: Apache-2.0
// decode(): what all formats share: limits, reduced sizes, orientations, refusals, cut files.
#include "vision/decode.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vision/exif.h"
#include "vision/resize.h"
#include "vision/test_pictures.h"

namespace anynpu::vision {
namespace {

using test::Encoded;
using testing::HasSubstr;
using namespace std::string_literals;

std::map<std::string, Encoded> one_of_each(const Image& image) {
  return {{"JPEG", test::jpeg(image)},
          {"progressive JPEG", test::jpeg(image, TJSAMP_420, TJFLAG_PROGRESSIVE)},
          {"PNG", test::png(image)},
          {"interlaced PNG", test::png(image, {.interlaced = true})},
          {"WebP", test::webp(image, false)},
          {"lossless WebP", test::webp(image, true)},
          {"BMP", test::bmp(image)}};
}

Encoded bytes_of(const std::string& text) {
  Encoded bytes;
  test::append(bytes, text);
  return bytes;
}

TEST(Decode, ReadsEveryFormat) {
  const Image image = test::gradient(61, 43);
  for (const auto& [name, encoded] : one_of_each(image)) {
    SCOPED_TRACE(name);
    const auto decoded = decode(encoded);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(decoded->width, 61);
    EXPECT_EQ(decoded->height, 43);
    EXPECT_DOUBLE_EQ(decoded->part.width, 61);
    EXPECT_DOUBLE_EQ(decoded->part.height, 43);
    EXPECT_LE(test::furthest(decoded->image, image),
              name.ends_with("JPEG") || name == "WebP" ? 12 : 0);
  }
}

TEST(Decode, ReducesHugePicturesButNotUnderTheTarget) {
  const Image image = test::gradient(803, 533);
  const Image wanted = resize(image, 70, 60);
  for (const auto& [name, encoded] : one_of_each(image)) {
    SCOPED_TRACE(name);
    const auto decoded = decode(encoded, {.target_width = 70, .target_height = 60});
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(decoded->width, 803);
    EXPECT_EQ(decoded->height, 533);
    EXPECT_LT(decoded->image.width, 300);
    EXPECT_LT(decoded->image.height, 300);
    EXPECT_GE(decoded->image.width, 70);
    EXPECT_GE(decoded->image.height, 60);
    // The same picture in the same place: nothing is shifted by the reduction.
    const Image reduced = resize(decoded->image, decoded->part, 70, 60);
    EXPECT_LE(test::furthest(reduced, wanted), 6);
  }
}

TEST(Decode, KeepsPicturesUnderTwiceTheTarget) {
  const Image image = test::gradient(199, 150);
  for (const auto& [name, encoded] : one_of_each(image)) {
    SCOPED_TRACE(name);
    const auto decoded = decode(encoded, {.target_width = 100, .target_height = 30});
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(decoded->image.width, 199);
  }
}

TEST(Decode, ReducesFurtherForALetterbox) {
  const Encoded encoded = test::jpeg(test::gradient(1600, 400));
  const auto filling = decode(encoded, {.target_width = 200, .target_height = 200});
  const auto inside = decode(encoded, {.target_width = 200, .target_height = 200, .inside = true});
  ASSERT_TRUE(filling && inside);
  EXPECT_EQ(filling->image.width, 800);
  EXPECT_EQ(inside->image.width, 200);
  EXPECT_EQ(inside->image.height, 50);
}

TEST(Decode, TurnsPicturesAsTheCameraWasHeld) {
  // Wider than high, so that the target must be swapped too for the picture to stay large enough.
  const Image image = test::gradient(320, 64);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    Region part{0, 0, 320, 64};
    const Image seen = upright(image, orientation, part);
    const std::map<std::string, Encoded> files = {
        {"JPEG, II", test::jpeg_with_exif(image, orientation, false)},
        {"JPEG, MM", test::jpeg_with_exif(image, orientation, true)},
        {"PNG", test::png_with_chunk(test::png(image), "eXIf", test::exif(orientation, true))},
        {"WebP", test::webp_with_exif(image, orientation)}};
    for (const auto& [name, encoded] : files) {
      SCOPED_TRACE(name + ", orientation " + std::to_string(orientation));
      const auto decoded = decode(encoded);
      ASSERT_TRUE(decoded) << decoded.error().message;
      EXPECT_EQ(decoded->width, orientation >= 5 ? 64 : 320);
      EXPECT_EQ(decoded->height, orientation >= 5 ? 320 : 64);
      EXPECT_LE(test::furthest(decoded->image, seen), 12);
      const auto reduced =
          decode(encoded, {.target_width = seen.width / 8, .target_height = seen.height / 8});
      ASSERT_TRUE(reduced) << reduced.error().message;
      EXPECT_LT(reduced->image.width, seen.width / 2);
      const Image small = resize(reduced->image, reduced->part, seen.width / 8, seen.height / 8);
      EXPECT_LE(test::furthest(small, resize(seen, seen.width / 8, seen.height / 8)), 6);
    }
  }
}

TEST(Decode, CutFilesAreErrorsAtEveryLength) {
  for (const auto& [name, encoded] : one_of_each(test::gradient(19, 17))) {
    for (std::size_t length = 0; length < encoded.size(); ++length) {
      SCOPED_TRACE(name + " cut to " + std::to_string(length));
      const auto decoded = decode(std::span(encoded).first(length));
      ASSERT_FALSE(decoded);
      // Shorter than its first bytes it is no picture at all.
      if (length >= 12) {
        EXPECT_THAT(decoded.error().message, HasSubstr("cut short"));
      }
    }
  }
}

TEST(Decode, OtherFormatsAreRefusedByName) {
  const std::vector<std::pair<std::string, std::string>> files = {{"GIF", "GIF89a\1\0\1\0"s},
                                                                  {"TIFF", "II*\0\10\0\0\0"s},
                                                                  {"TIFF", "MM\0*\0\0\0\10"s},
                                                                  {"AVIF",
                                                                   "\0\0\0\x1c"
                                                                   "ftypavif"s},
                                                                  {"HEIC",
                                                                   "\0\0\0\x18"
                                                                   "ftypheic"s},
                                                                  {"PDF", "%PDF-1.7"s},
                                                                  {"JPEG XL", "\xff\x0a\0\0"s},
                                                                  {"SVG", "<svg xmlns="s}};
  for (const auto& [name, text] : files) {
    const auto decoded = decode(bytes_of(text));
    ASSERT_FALSE(decoded) << name;
    EXPECT_EQ(decoded.error().code, Code::kUnsupported);
    EXPECT_THAT(decoded.error().message, HasSubstr(name));
    EXPECT_THAT(decoded.error().hint, HasSubstr("JPEG, PNG, WebP or BMP"));
  }
  const auto text = decode(bytes_of("hello, this is no picture"));
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Code::kUnsupported);
  EXPECT_FALSE(decode({}));
}

TEST(Decode, LimitsHold) {
  for (const auto& [name, encoded] : one_of_each(test::gradient(60, 40))) {
    SCOPED_TRACE(name);
    EXPECT_TRUE(decode(
        encoded, {.limits = {.most_bytes = encoded.size(), .most_pixels = 2400, .most_side = 60}}));
    for (const DecodeLimits& limits :
         {DecodeLimits{.most_bytes = encoded.size() - 1}, DecodeLimits{.most_pixels = 2399},
          DecodeLimits{.most_side = 59}}) {
      const auto decoded = decode(encoded, {.limits = limits});
      ASSERT_FALSE(decoded);
      EXPECT_EQ(decoded.error().code, Code::kTooLarge) << decoded.error().message;
      EXPECT_FALSE(decoded.error().hint.empty());
    }
    const bool buffered = name.find(' ') != std::string::npos;
    EXPECT_EQ(decode(encoded, {.limits = {.most_buffered_pixels = 2399}}).has_value(), !buffered);
  }
}

}  // namespace
}  // namespace anynpu::vision
