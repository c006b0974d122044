// SPDX-License-Identifier: Apache-2.0
// Boxes, letters and colours on pictures.
#include "vision/annotate.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "vision/decode.h"
#include "vision/font.h"
#include "vision/test_pictures.h"

namespace anynpu::vision {
namespace {

Rgb pixel(const Image& image, int x, int y) {
  const std::uint8_t* at = image.row(y) + 3 * x;
  return {at[0], at[1], at[2]};
}

TEST(Font, EveryLetterLooksDifferent) {
  std::set<std::string> shapes;
  for (int letter = ' '; letter <= '~' + 1; ++letter) {
    std::string shape;
    for (int y = 0; y < kGlyphHeight; ++y)
      for (int x = 0; x < kGlyphWidth; ++x)
        shape += glyph_has(static_cast<char>(letter), x, y) ? '#' : '.';
    EXPECT_TRUE(shapes.insert(shape).second) << static_cast<char>(letter) << " looks like another";
    EXPECT_EQ(shape.find('#') == std::string::npos, letter == ' ');
  }
  EXPECT_TRUE(glyph_has('L', 0, 0));
  EXPECT_FALSE(glyph_has('L', 4, 0));
  EXPECT_TRUE(glyph_has('L', 4, 6));
  // What has no letter, and what lies outside of one.
  for (int y = 0; y < kGlyphHeight; ++y)
    for (int x = 0; x < kGlyphWidth; ++x) EXPECT_EQ(glyph_has('\xff', x, y), glyph_has('\n', x, y));
  EXPECT_TRUE(glyph_has('\xff', 0, 0));
  EXPECT_FALSE(glyph_has('#', -1, 3));
  EXPECT_FALSE(glyph_has('#', 0, kGlyphHeight));
}

TEST(Annotate, TextCanBeReadOnEveryClass) {
  const auto luminance = [](Rgb colour) {
    const auto linear = [](std::uint8_t sample) {
      const double value = sample / 255.0;
      return value <= 0.03928 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2]);
  };
  for (int class_id = 0; class_id < 1001; ++class_id) {
    const double a = luminance(class_colour(class_id));
    const double b = luminance(text_colour(class_colour(class_id)));
    // WCAG 2.1 level AA.
    EXPECT_GE((std::max(a, b) + 0.05) / (std::min(a, b) + 0.05), 4.5) << class_id;
    EXPECT_NE(class_colour(class_id), class_colour(class_id + 1));
  }
}

TEST(Annotate, ABoxIsAFrameWithALabel) {
  Image image = make_image(400, 300);
  annotate(image, std::vector<Prediction>{{3, "cat", 0.87F, Box{100, 100, 300, 250}, Box{}}});
  const Rgb colour = class_colour(3);
  for (const auto& [x, y] : {std::pair{100, 200}, std::pair{101, 249}, std::pair{299, 200},
                             std::pair{250, 100}, std::pair{250, 249}})
    EXPECT_EQ(pixel(image, x, y), colour) << x << "," << y;
  EXPECT_EQ(pixel(image, 200, 180), (Rgb{0, 0, 0}));
  EXPECT_EQ(pixel(image, 98, 200), (Rgb{0, 0, 0}));
  // The strip above it: "cat 87%" in 5 x 9 letters, the t's stem among them.
  EXPECT_EQ(pixel(image, 100, 95), colour);
  EXPECT_EQ(pixel(image, 100 + 1 + 2 * 6 + 1, 100 - 11 + 1), text_colour(colour));
}

TEST(Annotate, BoxesAtTheEdgesAndNonsenseStayInside) {
  Image image = make_image(37, 11);
  const float huge = 1e30F;
  annotate(image, std::vector<Prediction>{
                      {1, std::string(500, 'W'), 1, Box{-huge, -huge, huge, huge}, Box{}},
                      {2, "b", 0.5F, Box{36, 10, 37, 11}, Box{}},
                      {3, "", 0.5F, Box{20, 5, 3, 2}, Box{}}});
  Image smallest = make_image(1, 1);
  annotate(smallest, std::vector<Prediction>{{1, "a", 1, Box{0, 0, 1, 1}, Box{}}, {1, "a", 1}});
  EXPECT_NE(pixel(smallest, 0, 0), (Rgb{0, 0, 0}));
  Image empty;
  annotate(empty, std::vector<Prediction>{{1, "a", 1}});
  EXPECT_TRUE(empty.empty());
}

TEST(Annotate, LabelsWithoutBoxesAreAList) {
  Image image = make_image(300, 100);
  annotate(image, std::vector<Prediction>{{5, "first", 0.9F}, {6, "second", 0.1F}});
  EXPECT_EQ(pixel(image, 0, 0), class_colour(5));
  EXPECT_EQ(pixel(image, 0, 11), class_colour(6));
  EXPECT_EQ(pixel(image, 0, 22), (Rgb{0, 0, 0}));
}

TEST(Annotate, WritesAPng) {
  const std::filesystem::path path = std::filesystem::temp_directory_path() /
                                     ("anynpu-annotate-" + std::to_string(::getpid()) + ".png");
  const auto written =
      annotate_to_file(test::jpeg_with_exif(test::gradient(64, 32), 6, false),
                       std::vector<Prediction>{{1, "x", 1, Box{2, 2, 20, 40}, Box{}}}, path);
  ASSERT_TRUE(written) << written.error().message;
  const auto bytes = read_bytes(path, 1 << 20);
  std::filesystem::remove(path);
  ASSERT_TRUE(bytes);
  const auto decoded = decode(*bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->width, 32);
  EXPECT_EQ(decoded->height, 64);
  EXPECT_EQ(pixel(decoded->image, 2, 39), class_colour(1));
  EXPECT_FALSE(annotate_to_file({}, {}, path));
}

}  // namespace
}  // namespace anynpu::vision
