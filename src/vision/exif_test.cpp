// SPDX-License-Identifier: Apache-2.0
// EXIF orientation: what each means, and structures that are broken.
#include "vision/exif.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "vision/test_pictures.h"

namespace anynpu::vision {
namespace {

using test::Encoded;

// One letter per pixel, in its red sample; rows separated by a bar.
Image image_of(const std::string& rows) {
  const auto width = static_cast<int>(rows.find('|'));
  Image image = make_image(width, static_cast<int>(rows.size() + 1) / (width + 1));
  std::size_t at = 0;
  for (char letter : rows)
    if (letter != '|') image.rgb[3 * at++] = static_cast<std::uint8_t>(letter);
  return image;
}
std::string text_of(const Image& image) {
  std::string text;
  for (int y = 0; y < image.height; ++y) {
    if (y > 0) text += '|';
    for (int x = 0; x < image.width; ++x) text += static_cast<char>(image.row(y)[3 * x]);
  }
  return text;
}

// EXIF 2.3, 4.6.4: where row 0 and column 0 of what is stored are in what is seen.
TEST(Exif, EachOrientationIsTurnedUpright) {
  const std::array<std::string, 8> seen = {"abc|def",    // row 0 on top, column 0 on the left
                                           "cba|fed",    // top, right
                                           "fed|cba",    // bottom, right
                                           "def|abc",    // bottom, left
                                           "ad|be|cf",   // left, top
                                           "da|eb|fc",   // right, top
                                           "fc|eb|da",   // right, bottom
                                           "cf|be|ad"};  // left, bottom
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const auto orientation = static_cast<Orientation>(i + 1);
    Region part = {0, 0, 2.5, 2};
    EXPECT_EQ(text_of(upright(image_of("abc|def"), orientation, part)), seen[i])
        << "orientation " << orientation;
    EXPECT_EQ(swaps_sides(orientation), seen[i].size() == 8) << orientation;
    // The pixel "c" is only half covered; so is the side on which it is seen.
    const bool on_first_side = seen[i].find('c') == 0 || (orientation == 3) || (orientation == 7);
    const double along = swaps_sides(orientation) ? part.y : part.x;
    EXPECT_DOUBLE_EQ(along, on_first_side ? 0.5 : 0.0) << orientation;
    EXPECT_DOUBLE_EQ(swaps_sides(orientation) ? part.height : part.width, 2.5) << orientation;
  }
}

TEST(Exif, IsReadInBothByteOrders) {
  for (int orientation = 1; orientation <= 8; ++orientation)
    for (bool big_endian : {false, true})
      EXPECT_EQ(orientation_of_exif(test::exif(orientation, big_endian)), orientation);
}

TEST(Exif, BrokenStructuresAreUpright) {
  const Encoded good = test::exif(6, true);
  // The orientation's entry is the second of two and ends here; what is behind it does not matter.
  constexpr std::size_t kEnd = 8 + 2 + 2 * 12;
  for (std::size_t length = 0; length < good.size(); ++length)
    EXPECT_EQ(orientation_of_exif(std::span(good).first(length)), length < kEnd ? 1 : 6) << length;
  const auto with = [&](std::size_t at, std::uint64_t value, int count) {
    Encoded changed = good;
    test::put(changed, at, value, count, true);
    return orientation_of_exif(changed);
  };
  EXPECT_EQ(with(4, 0xFFFFFFFF, 4), 1);  // where the directory is
  EXPECT_EQ(with(8, 0xFFFF, 2), 6);      // more entries than there are, behind the one that counts
  EXPECT_EQ(with(30, 0, 2), 1);          // 0 is no orientation
  EXPECT_EQ(with(30, 9, 2), 1);
  EXPECT_EQ(with(24, 2, 2), 1);           // text
  EXPECT_EQ(with(26, 0x40000000, 4), 1);  // a thousand million of them
  EXPECT_EQ(with(0, 0x4949, 2), 1);       // the other byte order
}

}  // namespace
}  // namespace anynpu::vision
