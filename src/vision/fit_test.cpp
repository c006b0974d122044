// SPDX-License-Identifier: Apache-2.0
// Stretch, letterbox, crop, and the way back of a box.
#include "vision/fit.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "vision/test_pictures.h"

namespace anynpu::vision {
namespace {

using model::Resize;

Region whole(const Image& image) {
  return {0, 0, static_cast<double>(image.width), static_cast<double>(image.height)};
}

TEST(Fit, LetterboxKeepsTheShapeInTheMiddle) {
  const Fit wide = fit(Resize::kLetterbox, 400, 200, 100, 100);
  EXPECT_EQ(wide.x, 0);
  EXPECT_EQ(wide.y, 25);
  EXPECT_EQ(wide.width, 100);
  EXPECT_EQ(wide.height, 50);
  const Fit thin = fit(Resize::kLetterbox, 1, 5000, 100, 100);
  EXPECT_EQ(thin.width, 1);
  EXPECT_EQ(thin.height, 100);
}

TEST(Fit, CropTakesTheMiddle) {
  const Fit wide = fit(Resize::kCrop, 400, 200, 100, 100);
  EXPECT_DOUBLE_EQ(wide.source.x, 0.25);
  EXPECT_DOUBLE_EQ(wide.source.width, 0.5);
  EXPECT_DOUBLE_EQ(wide.source.y, 0);
  EXPECT_DOUBLE_EQ(wide.source.height, 1);
}

TEST(Fit, PixelsLieWhereTheFitSays) {
  Image image = make_image(40, 20);
  std::fill(image.rgb.begin(), image.rgb.end(), 200);
  const Image boxed = apply(fit(Resize::kLetterbox, 40, 20, 10, 10), image, whole(image));
  EXPECT_EQ(boxed.row(0)[0], 114);
  EXPECT_EQ(boxed.row(1)[29], 114);
  EXPECT_EQ(boxed.row(2)[0], 200);
  EXPECT_EQ(boxed.row(6)[29], 200);
  EXPECT_EQ(boxed.row(7)[0], 114);
  const Image ramp = test::gradient(256, 64);
  const Image cropped = apply(fit(Resize::kCrop, 256, 64, 64, 64), ramp, whole(ramp));
  EXPECT_EQ(cropped.row(30)[0], ramp.row(30)[3 * 96]);
  EXPECT_EQ(cropped.row(30)[3 * 63], ramp.row(30)[3 * 159]);
}

TEST(Fit, BoxesComeBack) {
  const auto near = [](const Box& a, const Box& b) {
    EXPECT_NEAR(a.x_min, b.x_min, 1e-6);
    EXPECT_NEAR(a.y_min, b.y_min, 1e-6);
    EXPECT_NEAR(a.x_max, b.x_max, 1e-6);
    EXPECT_NEAR(a.y_max, b.y_max, 1e-6);
  };
  near(undo(fit(Resize::kStretch, 400, 200, 100, 100), {0.1F, 0.2F, 0.3F, 0.4F}),
       {0.1F, 0.2F, 0.3F, 0.4F});
  // The picture fills rows 25 to 75 of 100.
  near(undo(fit(Resize::kLetterbox, 400, 200, 100, 100), {0.1F, 0.25F, 0.3F, 0.5F}),
       {0.1F, 0, 0.3F, 0.5F});
  // The input shows columns 100 to 300 of 400.
  near(undo(fit(Resize::kCrop, 400, 200, 100, 100), {0, 0.1F, 0.5F, 1}), {0.25F, 0.1F, 0.5F, 1});
  // Over the edge.
  near(undo(fit(Resize::kStretch, 400, 200, 100, 100), {-0.5F, -1, 1.5F, 2}), {0, 0, 1, 1});
}

}  // namespace
}  // namespace anynpu::vision
