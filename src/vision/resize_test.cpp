// SPDX-License-Identifier: Apache-2.0
// resize() against Pillow's Image.resize(BILINEAR), and its vector code against its plain code.
#include "vision/resize.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "vision/resize_passes.h"
#include "vision/test_pictures.h"

namespace anynpu::vision {
namespace {

Image pattern(int width, int height) {
  Image image = make_image(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        image.row(y)[3 * x + c] =
            static_cast<std::uint8_t>((x * 37 + y * 91 + c * 53 + x * y * 7) % 256);
  return image;
}

struct Golden {
  int source_width, source_height;
  Region part;
  int width, height;
  std::vector<std::uint8_t> rgb;
};

// Made by Pillow 9.4 from the pattern above.
const std::vector<Golden>& goldens() {
  static const std::vector<Golden> kGoldens = {
      {5, 4, {0, 0, 5, 4}, 3, 3, {44,  97,  150, 105, 141, 152, 123, 143, 196,
                                  157, 155, 135, 132, 128, 110, 105, 103, 156,
                                  91,  111, 120, 119, 155, 168, 189, 140, 116}},
      {3, 3, {0, 0, 3, 3}, 7, 5, {0,   53,  106, 5,   58,  111, 21,  74,  127, 37,  90,  143,
                                  53,  106, 159, 69,  122, 175, 74,  127, 180, 36,  89,  142,
                                  42,  95,  148, 59,  112, 165, 76,  129, 182, 93,  146, 155,
                                  111, 164, 129, 116, 169, 120, 91,  144, 197, 97,  150, 203,
                                  116, 169, 222, 135, 188, 241, 154, 207, 150, 173, 226, 59,
                                  179, 232, 29,  146, 199, 98,  152, 184, 105, 173, 138, 125,
                                  194, 93,  146, 149, 114, 123, 103, 135, 100, 88,  141, 92,
                                  182, 235, 32,  189, 206, 39,  211, 118, 61,  233, 30,  83,
                                  145, 52,  105, 57,  74,  127, 28,  81,  134}},
      {16, 9, {0, 0, 16, 9}, 4, 2, {122, 134, 134, 131, 132, 131, 125, 133, 129, 129, 141, 120,
                                    125, 128, 133, 133, 129, 123, 131, 120, 130, 136, 126, 142}},
      {7, 1, {0, 0, 7, 1}, 3, 1, {32, 85, 138, 111, 164, 202, 190, 152, 95}},
      {1,
       1,
       {0, 0, 1, 1},
       3,
       2,
       {0, 53, 106, 0, 53, 106, 0, 53, 106, 0, 53, 106, 0, 53, 106, 0, 53, 106}},
      {13,
       11,
       {0, 0, 13, 11},
       5,
       13,
       {39,  92,  145, 124, 177, 192, 142, 99,  94,  64,  117, 162, 149, 202, 75,  115, 155, 162,
        123, 110, 119, 109, 140, 162, 139, 125, 117, 94,  134, 145, 152, 135, 117, 112, 128, 139,
        132, 126, 134, 130, 145, 140, 123, 106, 122, 123, 120, 124, 136, 150, 142, 142, 123, 118,
        116, 129, 139, 145, 143, 129, 104, 139, 148, 158, 143, 123, 141, 134, 129, 131, 116, 116,
        135, 170, 165, 150, 153, 105, 128, 130, 130, 155, 124, 119, 141, 153, 121, 129, 117, 146,
        97,  150, 109, 146, 122, 89,  119, 150, 145, 92,  137, 105, 141, 92,  85,  100, 153, 141,
        105, 147, 114, 164, 132, 109, 141, 121, 95,  146, 104, 148, 128, 110, 145, 118, 112, 139,
        142, 110, 139, 137, 104, 133, 127, 109, 162, 138, 93,  146, 143, 111, 143, 106, 122, 132,
        121, 130, 141, 126, 96,  149, 138, 110, 123, 153, 135, 131, 106, 137, 132, 119, 152, 125,
        134, 95,  141, 150, 129, 103, 145, 140, 119, 129, 132, 155, 136, 141, 118, 131, 125, 151,
        179, 113, 166, 137, 97,  111, 96,  128, 122, 151, 126, 133, 109, 162, 155}},
      {2, 9, {0, 0, 2, 9}, 4, 3, {82,  135, 124, 93,  130, 135, 116, 121, 158, 128, 117, 170,
                                  108, 161, 129, 110, 156, 124, 114, 146, 114, 116, 141, 108,
                                  134, 123, 144, 132, 113, 142, 126, 91,  136, 123, 80,  133}},
      {8, 8, {0.5, 1.25, 6.25, 6.25}, 3, 3, {130, 129, 134, 127, 131, 138, 131, 135, 129,
                                             125, 142, 121, 143, 134, 124, 145, 134, 123,
                                             114, 136, 136, 115, 130, 121, 145, 130, 123}},
      {100, 3, {0, 0, 100, 3}, 2, 2, {124, 129, 125, 131, 123, 130, 128, 127, 127, 121, 121, 124}},
  };
  return kGoldens;
}

TEST(Resize, EqualsPillow) {
  for (const Golden& golden : goldens()) {
    SCOPED_TRACE(testing::Message() << golden.source_width << "x" << golden.source_height << " to "
                                    << golden.width << "x" << golden.height);
    const Image made = resize(pattern(golden.source_width, golden.source_height), golden.part,
                              golden.width, golden.height);
    ASSERT_EQ(made.rgb.size(), golden.rgb.size());
    for (std::size_t i = 0; i < golden.rgb.size(); ++i)
      EXPECT_NEAR(made.rgb[i], golden.rgb[i], 1) << "sample " << i;
  }
}

TEST(Resize, SameSizeChangesNothing) {
  const Image image = pattern(31, 17);
  EXPECT_EQ(resize(image, 31, 17).rgb, image.rgb);
}

TEST(Resize, OneColourStaysIt) {
  Image image = make_image(321, 123);
  for (std::uint8_t level : {std::uint8_t{1}, std::uint8_t{254}, std::uint8_t{255}}) {
    std::fill(image.rgb.begin(), image.rgb.end(), level);
    for (const auto& [width, height] : {std::pair{7, 5}, std::pair{1000, 3}, std::pair{1, 1}})
      for (std::uint8_t sample : resize(image, width, height).rgb) ASSERT_EQ(sample, level);
  }
}

TEST(Resize, PartsAreCutToTheImage) {
  const Image image = pattern(20, 10);
  EXPECT_EQ(resize(image, {-5, -5, 100, 100}, 6, 4).rgb, resize(image, 6, 4).rgb);
  // Nothing of the image: the nearest pixels.
  const Image outside = resize(image, {50, 50, 10, 10}, 2, 2);
  EXPECT_EQ(outside.rgb.size(), 12U);
  EXPECT_EQ(outside.rgb[0], image.row(9)[3 * 19]);
}

TEST(Resize, VectorCodeGivesTheSameBits) {
  for (const auto& [width, height, to] :
       {std::tuple{1, 1, 5}, std::tuple{2, 40, 1}, std::tuple{97, 13, 31}, std::tuple{640, 3, 224},
        std::tuple{50, 2, 333}}) {
    const Image image = pattern(width, height);
    Weights weights;
    for (int i = 0; i < to; ++i) {  // any weights will do: here a slope over a window
      const int first = i * (width - 1) / to;
      const int count = std::min(width - first, 1 + i % 9);
      weights.spans.push_back({first, count, weights.values.size()});
      for (int k = 0; k < count; ++k)
        weights.values.push_back((1 << kWeightBits) / count + k - count / 2);
    }
    Image fast = make_image(to, height);
    Image plain = make_image(to, height);
    blend_columns(image, 0, weights, fast);
    blend_columns_plainly(image, 0, weights, plain);
    EXPECT_EQ(fast.rgb, plain.rgb);

    const Image high = pattern(height, width);
    Image fast_rows = make_image(height, to);
    Image plain_rows = make_image(height, to);
    blend_rows(high, weights, fast_rows);
    blend_rows_plainly(high, weights, plain_rows);
    EXPECT_EQ(fast_rows.rgb, plain_rows.rgb);
  }
}

}  // namespace
}  // namespace anynpu::vision
