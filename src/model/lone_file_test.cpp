// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include <gmock/gmock.h>

#include "model/package.h"
#include "temporary_folder.h"
#include "tiny_onnx.h"
#include "tiny_rknn.h"
#include "tiny_tflite.h"

namespace anynpu::model {
namespace {

using anynpu::test::OnnxType;
using anynpu::test::TfliteType;
using anynpu::test::TinyOnnx;
using anynpu::test::TinyTflite;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

void write(const std::filesystem::path& file, const std::vector<std::byte>& bytes) {
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

Package package_of(const std::filesystem::path& file) {
  Result<Package> package = package_of_file(file);
  EXPECT_TRUE(package.has_value()) << (package ? "" : package.error().message);
  return package ? *package : Package{};
}

TEST(LoneFile, OneRowOfScoresIsAClassifier) {
  TemporaryFolder folder;
  TinyTflite model;
  int x = model.input({.name = "x",
                       .type = TfliteType::kUint8,
                       .shape = {1, 32, 24, 3},
                       .scales = {0.0078125F},
                       .zero_points = {128}});
  int y = model.output({.name = "y", .type = TfliteType::kFloat32, .shape = {1, 2}});
  model.softmax(x, y);
  write(folder / "My Model.tflite", model.build());
  std::ofstream(folder / "My Model.txt") << "cat\ndog\n";
  Package package = package_of(folder / "My Model.tflite");
  EXPECT_EQ(package.name, "my_model");
  EXPECT_EQ(package.task, Task::kClassify);
  EXPECT_THAT(package.title, HasSubstr("guessed from its tensors: classify"));
  EXPECT_THAT(package.labels, ElementsAre("cat", "dog"));
  EXPECT_FALSE(package.postprocess.softmax) << "the network has one";
  EXPECT_FLOAT_EQ(package.preprocess.mean[0], 128) << "the pixels' bytes go in as they are";
  EXPECT_FLOAT_EQ(package.preprocess.std[0], 128);
  EXPECT_EQ(package.latest().artifacts.at(0).engine, "tflite");
  EXPECT_TRUE(package.latest().artifacts.at(0).reference);
}

TEST(LoneFile, ASignedInputTakesPixelsShifted) {
  TemporaryFolder folder;
  TinyTflite model;
  int x = model.input({.name = "x",
                       .type = TfliteType::kInt8,
                       .shape = {1, 32, 32, 3},
                       .scales = {0.5F},
                       .zero_points = {-128}});
  int y = model.output({.name = "y", .type = TfliteType::kFloat32, .shape = {1, 9}});
  model.add(x, x, y);
  write(folder / "x.tflite", model.build());
  Package package = package_of(folder / "x.tflite");
  EXPECT_FLOAT_EQ(package.preprocess.mean[2], 0);
  EXPECT_FLOAT_EQ(package.preprocess.std[2], 2);
  EXPECT_TRUE(package.postprocess.softmax) << "the network gives logits";
}

TEST(LoneFile, DetectionsAreFoundByTheOperatorsOutputs) {
  TemporaryFolder folder;
  TinyTflite model;
  int x = model.input({.name = "x", .type = TfliteType::kFloat32, .shape = {1, 64, 64, 3}});
  int scores = model.output({.name = "s", .type = TfliteType::kFloat32});
  int boxes = model.output({.name = "b", .type = TfliteType::kFloat32});
  int count = model.output({.name = "n", .type = TfliteType::kFloat32});
  int classes = model.output({.name = "c", .type = TfliteType::kFloat32});
  model.custom("TFLite_Detection_PostProcess", {x}, {boxes, classes, scores, count});
  write(folder / "x.tflite", model.build());
  std::ofstream(folder / "labels.txt") << "???\nperson\n";
  Package package = package_of(folder / "x.tflite");
  EXPECT_EQ(package.task, Task::kDetect);
  EXPECT_EQ(package.postprocess.scores_output, 0);
  EXPECT_EQ(package.postprocess.boxes_output, 1);
  EXPECT_EQ(package.postprocess.count_output, 2);
  EXPECT_EQ(package.postprocess.classes_output, 3);
  EXPECT_EQ(package.postprocess.label_offset, 1);
}

TEST(LoneFile, DetectionsAreFoundByShapeInTheUsualOrder) {
  TemporaryFolder folder;
  TinyOnnx model;
  model.input("x", OnnxType::kFloat, {"1", "3", "64", "64"});
  model.output("boxes", OnnxType::kFloat, {"1", "10", "4"});
  model.output("classes", OnnxType::kFloat, {"1", "10"});
  model.output("scores", OnnxType::kFloat, {"1", "10"});
  model.output("count", OnnxType::kFloat, {"1"});
  write(folder / "x.onnx", model.build());
  Package package = package_of(folder / "x.onnx");
  EXPECT_EQ(package.task, Task::kDetect);
  EXPECT_EQ(package.postprocess.classes_output, 1);
  EXPECT_EQ(package.postprocess.scores_output, 2);
  EXPECT_EQ(package.latest().artifacts.at(0).engine, "onnxruntime");
}

TEST(LoneFile, AnythingElseIsRaw) {
  TemporaryFolder folder;
  TinyOnnx model;
  model.input("a", OnnxType::kFloat, {"batch", "1760"});
  model.output("b", OnnxType::kFloat, {"batch", "32"});
  write(folder / "x.onnx", model.build());
  EXPECT_EQ(package_of(folder / "x.onnx").task, Task::kRaw);

  write(folder / "x.rknn", sim::make_rknn({}, {}));
  Package package = package_of(folder / "x.rknn");
  EXPECT_EQ(package.task, Task::kRaw);
  EXPECT_THAT(package.latest().artifacts.at(0).families, ElementsAre("rknpu"));
  EXPECT_FALSE(package.latest().artifacts.at(0).reference);
}

TEST(LoneFile, WhatIsNoModelIsRefused) {
  TemporaryFolder folder;
  std::ofstream(folder / "x.tflite") << "<html>";
  Result<Package> package = package_of_file(folder / "x.tflite");
  ASSERT_FALSE(package.has_value());
  EXPECT_THAT(package.error().message, HasSubstr("a web page"));
  EXPECT_EQ(package_of_file(folder / "none.tflite").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace anynpu::model
