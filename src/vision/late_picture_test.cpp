// SPDX-License-Identifier: Apache-2.0
// Pictures that are decoded by whoever asks first.
#include "vision/late_picture.h"

#include <thread>

#include <gtest/gtest.h>

#include "vision/synthetic.h"
#include "vision/test_pictures.h"

namespace anynpu::vision {
namespace {

using test::jpeg;
using test::png;

const engine::TensorInfo kTensor = {"image", engine::DType::kUint8, {1, 24, 32, 3}};

std::shared_ptr<const ImageModel> model() {
  engine::SessionInfo session;
  session.inputs = {kTensor};
  return std::make_shared<ImageModel>(*ImageModel::create(model::Package{}, session));
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(LatePicture, GivesEveryThreadWhatPrepareGives) {
  const auto encoded = jpeg(synthetic_picture(320, 240));
  const auto image_model = model();
  std::vector<std::byte> expected(24 * 32 * 3);
  ASSERT_TRUE((*image_model->prepare(encoded))->write(0, kTensor, expected));

  const LatePicture late(image_model, text_of(encoded));
  std::vector<std::vector<std::byte>> written(4, std::vector<std::byte>(expected.size()));
  std::vector<std::thread> threads;
  for (auto& to : written)
    threads.emplace_back([&late, &to] { EXPECT_TRUE(late.write(0, kTensor, to)); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& bytes : written) EXPECT_EQ(bytes, expected);
  EXPECT_EQ(*late.shape(0, kTensor), (engine::Shape{1, 24, 32, 3}));
  EXPECT_EQ((*late.picture())->original_width(), 320);
  EXPECT_FALSE(late.problem());
}

TEST(LatePicture, KnowsWhatIsWrongOnceItWasAsked) {
  const auto encoded = jpeg(synthetic_picture(320, 240));
  const LatePicture late(model(), text_of(encoded).substr(0, encoded.size() / 2));
  EXPECT_FALSE(late.problem()) << "nobody has looked";
  const auto shape = late.shape(0, kTensor);
  ASSERT_FALSE(shape);
  EXPECT_EQ(shape.error().code, Code::kInvalid);
  ASSERT_TRUE(late.problem());
  EXPECT_EQ(late.problem()->message, shape.error().message);
}

TEST(LatePicture, OnlyOrdinaryJpegsAreQuick) {
  EXPECT_TRUE(is_quickly_decoded(jpeg(synthetic_picture(320, 240))));
  EXPECT_FALSE(is_quickly_decoded(jpeg(synthetic_picture(2000, 1001)))) << "large";
  EXPECT_FALSE(
      is_quickly_decoded(jpeg(synthetic_picture(320, 240), TJSAMP_444, TJFLAG_PROGRESSIVE)));
  EXPECT_FALSE(is_quickly_decoded(png(synthetic_picture(32, 24))));
  EXPECT_FALSE(is_quickly_decoded({}));
}

}  // namespace
}  // namespace anynpu::vision
