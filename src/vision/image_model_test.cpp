// SPDX-License-Identifier: Apache-2.0
// ImageModel: from encoded bytes to an input tensor, and from outputs to predictions.
#include "vision/image_model.h"

#include <cstring>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "vision/resize.h"
#include "vision/synthetic.h"
#include "vision/test_pictures.h"

namespace anynpu::vision {
namespace {

using engine::DType;
using engine::Shape;

engine::SessionInfo session_of(std::vector<engine::TensorInfo> inputs) {
  engine::SessionInfo info;
  info.inputs = std::move(inputs);
  return info;
}
const engine::TensorInfo kPictureTensor = {"image", DType::kUint8, {1, 24, 32, 3}};

std::vector<std::byte> input_of(const runtime::InputSource& source, std::size_t index,
                                const engine::TensorInfo& tensor) {
  const auto shape = source.shape(index, tensor);
  EXPECT_TRUE(shape) << shape.error().message;
  engine::TensorInfo exact = tensor;
  exact.shape = *shape;
  std::vector<std::byte> bytes(exact.byte_size());
  const auto written = source.write(index, tensor, bytes);
  EXPECT_TRUE(written) << written.error().message;
  return bytes;
}

TEST(ImageModel, FindsThePictureInput) {
  const auto found =
      ImageModel::create({}, session_of({{"size", DType::kInt32, {1, 2}}, kPictureTensor}));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->input_width(), 32);
  EXPECT_EQ(found->input_height(), 24);
  const auto open =
      ImageModel::create({}, session_of({{"image", DType::kFloat32, {-1, 3, -1, -1}}}));
  ASSERT_TRUE(open);
  EXPECT_EQ(open->input_width(), 224);
  EXPECT_FALSE(ImageModel::create({}, session_of({{"audio", DType::kFloat32, {1, 16000}}})));
  EXPECT_FALSE(ImageModel::create({}, session_of({})));
  EXPECT_FALSE(ImageModel::create({}, session_of({{"image", DType::kString, {1, 24, 32, 3}}})));
  EXPECT_FALSE(ImageModel::create({}, session_of({{"image", DType::kUint8, {1, 0, 32, 3}}})));
  EXPECT_FALSE(ImageModel::create({}, session_of({{"image", DType::kUint8, {1, 24, 8193, 3}}})));
}

TEST(ImageModel, PreparesEncodedPictures) {
  const auto model = ImageModel::create({}, session_of({kPictureTensor}));
  ASSERT_TRUE(model);
  const Image image = test::gradient(64, 40);
  const auto prepared = model->prepare(test::png(image));
  ASSERT_TRUE(prepared) << prepared.error().message;
  EXPECT_EQ((*prepared)->original_width(), 64);
  EXPECT_EQ((*prepared)->original_height(), 40);
  EXPECT_GT((*prepared)->decode_ms(), 0);
  EXPECT_GT((*prepared)->preprocess_ms(), 0);
  const Image wanted = resize(image, 32, 24);
  const auto bytes = input_of(**prepared, 0, kPictureTensor);
  ASSERT_EQ(bytes.size(), wanted.rgb.size());
  EXPECT_EQ(std::memcmp(bytes.data(), wanted.rgb.data(), bytes.size()), 0);
  EXPECT_FALSE(model->prepare(std::span<const std::byte>{}));
}

TEST(ImageModel, AnotherPlacementMayWantAnotherTensor) {
  const auto model = ImageModel::create({}, session_of({kPictureTensor}));
  const Image image = test::gradient(32, 24);
  const auto prepared = model->prepare(image);
  ASSERT_TRUE(prepared);
  const auto floats = input_of(**prepared, 0, {"image", DType::kFloat32, {-1, 3, 24, 32}});
  ASSERT_EQ(floats.size(), 32U * 24 * 3 * 4);
  float last = 0;
  std::memcpy(&last, floats.data() + floats.size() - 4, 4);
  EXPECT_FLOAT_EQ(last, (static_cast<float>(image.rgb.back()) - 127.5F) / 127.5F);
  const auto smaller = input_of(**prepared, 0, {"image", DType::kUint8, {1, 12, 16, 3}});
  const Image wanted = resize(image, 16, 12);
  EXPECT_EQ(std::memcmp(smaller.data(), wanted.rgb.data(), smaller.size()), 0);
}

TEST(ImageModel, WorkersMayWriteAtTheSameTime) {
  const auto model = ImageModel::create({}, session_of({kPictureTensor}));
  const auto prepared = model->prepare(test::gradient(100, 80));
  ASSERT_TRUE(prepared);
  std::vector<std::vector<std::byte>> made(8);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < made.size(); ++i)
    threads.emplace_back([&, i] {
      const auto side = static_cast<std::int64_t>(10 + i / 2);
      made[i] = input_of(**prepared, 0, {"image", DType::kUint8, {1, side, side, 3}});
    });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < made.size(); i += 2) EXPECT_EQ(made[i], made[i + 1]);
}

TEST(ImageModel, WrongUseIsAnError) {
  const auto model =
      ImageModel::create({}, session_of({kPictureTensor, {"size", DType::kInt32, {1, 2}}}));
  const auto prepared = model->prepare(test::gradient(8, 8));
  ASSERT_TRUE(prepared);
  EXPECT_FALSE((*prepared)->shape(1, {"size", DType::kInt32, {1, 2}}));
  std::vector<std::byte> short_by_one(32 * 24 * 3 - 1);
  EXPECT_FALSE((*prepared)->write(0, kPictureTensor, short_by_one));
  EXPECT_FALSE((*prepared)->shape(0, {"image", DType::kUint8, {1, 1 << 20, 32, 3}}));
  EXPECT_FALSE(model->prepare(Image{}));
  EXPECT_FALSE(model->prepare(Image{5, 5, {1, 2, 3}}));
}

TEST(ImageModel, LetterboxesAreUndone) {
  model::Package package;
  package.task = model::Task::kDetect;
  package.preprocess.resize = model::Resize::kLetterbox;
  const auto model =
      ImageModel::create(package, session_of({{"image", DType::kUint8, {1, 100, 100, 3}}}));
  const auto prepared = model->prepare(test::jpeg(test::gradient(800, 400)));
  ASSERT_TRUE(prepared);
  const auto bytes = input_of(**prepared, 0, {"image", DType::kUint8, {1, 100, 100, 3}});
  EXPECT_EQ(bytes[0], std::byte{114});
  EXPECT_LT(bytes[50 * 300], std::byte{10});
  const auto floats = [](Shape shape, const std::vector<float>& values) {
    engine::Tensor tensor{{"", DType::kFloat32, std::move(shape)}, {}};
    tensor.bytes.resize(values.size() * 4);
    std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
    return tensor;
  };
  const auto found =
      model->interpret({floats({1, 2, 4}, {0.25F, 0, 0.5F, 0.5F, 0, 0, 1, 1}),
                        floats({1, 2}, {0, 4}), floats({1, 2}, {0.8F, 0.4F}), floats({1}, {2})},
                       **prepared, {});
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->size(), 1U);
  EXPECT_FLOAT_EQ((*found)[0].box->x_max, 400);
  EXPECT_FLOAT_EQ((*found)[0].box->y_min, 0);
  EXPECT_FLOAT_EQ((*found)[0].box->y_max, 200);
  EXPECT_FLOAT_EQ((*found)[0].box_normalized->y_max, 0.5F);
  const Json json = to_json((*found)[0]);
  EXPECT_EQ(json["box"]["x_max"], 400);
  EXPECT_EQ(json["class_id"], 0);
  EXPECT_EQ(json["score"].dump(), "0.8");
}

TEST(ImageModel, TopAndTaskComeFromThePackage) {
  model::Package package;
  package.task = model::Task::kClassify;
  package.postprocess.top = 2;
  const engine::Tensor scores = {{"", DType::kUint8, {1, 4}, {{0.25F}, {0}, 0}},
                                 {std::byte{1}, std::byte{4}, std::byte{2}, std::byte{3}}};
  auto model = ImageModel::create(package, session_of({kPictureTensor}));
  const auto prepared = model->prepare(test::gradient(8, 8));
  const auto two = model->interpret({scores}, **prepared, {});
  ASSERT_TRUE(two);
  EXPECT_EQ(two->size(), 2U);
  EXPECT_EQ((*two)[0].class_id, 1);
  EXPECT_FALSE(to_json((*two)[0]).contains("box"));
  EXPECT_EQ(model->interpret({scores}, **prepared, {.top = 3})->size(), 3U);
  package.task = model::Task::kRaw;
  model = ImageModel::create(package, session_of({kPictureTensor}));
  EXPECT_FALSE(model->interpret({scores}, **prepared, {}));
}

TEST(Canary, IsTheSamePictureEverywhere) {
  // Made of integers only; this is the SHA-256 of its pixels.
  const Image image = synthetic_picture(64, 48);
  EXPECT_EQ(sha256_of(std::as_bytes(std::span(image.rgb))),
            "ec043c11dce937f26342f21fb205e72129b7f37bb32be30b01db215eca0e2619");
}

TEST(Canary, FillsAnyTensor) {
  const auto canary = ImageModel::canary({});
  ASSERT_TRUE(canary);
  const auto picture = input_of(**canary, 0, kPictureTensor);
  const Image wanted = resize(synthetic_picture(640, 640), 32, 24);
  EXPECT_EQ(std::memcmp(picture.data(), wanted.rgb.data(), picture.size()), 0);
  EXPECT_EQ(input_of(**canary, 3, kPictureTensor), picture);
  const auto ids = input_of(**canary, 1, {"ids", DType::kInt64, {-1, 3}});
  EXPECT_EQ(ids.size(), 24U);
  EXPECT_EQ(ids[8], std::byte{1});
  const auto audio = input_of(**canary, 0, {"audio", DType::kFloat32, {1, 100}});
  float first = 0;
  std::memcpy(&first, audio.data(), 4);
  EXPECT_EQ(first, -1);
  EXPECT_FALSE((*canary)->shape(0, {"text", DType::kString, {1}}));
}

TEST(Canary, ComesFromThePackage) {
  model::Package package;
  package.canary =
      std::filesystem::temp_directory_path() / ("anynpu-canary-" + std::to_string(::getpid()));
  EXPECT_FALSE(ImageModel::canary(package));
  ASSERT_TRUE(
      write_file(package.canary, std::span<const std::byte>(test::png(test::gradient(32, 24)))));
  const auto canary = ImageModel::canary(package);
  ASSERT_TRUE(write_file(package.canary, std::string_view("no picture")));
  const auto broken = ImageModel::canary(package);
  std::filesystem::remove(package.canary);
  ASSERT_TRUE(canary) << canary.error().message;
  const auto bytes = input_of(**canary, 0, kPictureTensor);
  EXPECT_EQ(std::memcmp(bytes.data(), test::gradient(32, 24).rgb.data(), bytes.size()), 0);
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find(package.canary.string()), std::string::npos);
}

}  // namespace
}  // namespace anynpu::vision
