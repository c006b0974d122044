// SPDX-License-Identifier: Apache-2.0
#include "engine/rknn_file.h"

#include <cstring>

#include <gmock/gmock.h>

#include "tiny_rknn.h"

namespace anynpu::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::byte> bytes_of_text(std::string_view text) {
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

std::vector<std::byte> small_rknn(const sim::RknnArtifact& artifact = {}) {
  return sim::make_rknn(bytes_of_text(std::string(40, 'w')), artifact,
                        {{{"tensor_id", 0},
                          {"url", "input"},
                          {"size", {1, 3, 224, 224}},
                          {"dtype", {{"qnt_type", "int8"}}}},
                         {{"tensor_id", 1}, {"url", "scores"}, {"size", {1, 1001}}}});
}

std::string refusal(const std::vector<std::byte>& bytes) {
  auto model = read_rknn(bytes, "m.rknn");
  EXPECT_FALSE(model);
  return model ? "" : model.error().message + " / " + model.error().hint;
}

TEST(RknnFile, SaysWhatItIsMadeFor) {
  auto model = read_rknn(small_rknn(), "m.rknn");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, 6U);
  EXPECT_THAT(model->platforms, ElementsAre("rk3588"));
  EXPECT_EQ(model->toolkit, "2.3.2");
  EXPECT_EQ(model->compiler, "2.3.2 (e045de294f@2025-04-07T19:48:25)");
  EXPECT_EQ(model->framework, "TFLite");
  EXPECT_EQ(model->arch, "RKNPU v2");
  EXPECT_FALSE(model->dynamic);
  EXPECT_EQ(model->inputs, 1);
  ASSERT_EQ(model->tensors.size(), 2U);
  EXPECT_EQ(model->tensors[0].name, "input");
  EXPECT_EQ(model->tensors[0].type, "int8");
  EXPECT_THAT(model->tensors[0].shape, ElementsAre(1, 3, 224, 224));
  EXPECT_EQ(model->tensors[1].type, "");
}

TEST(RknnFile, KnowsDynamicShapesAndOtherArchitectures) {
  sim::RknnArtifact artifact;
  artifact.platform = "rk3566";
  artifact.toolkit = "1.6.2-source_code";
  artifact.dynamic_shapes = {{{1, 4}, {8, 4}}};
  auto model = read_rknn(small_rknn(artifact), "m.rknn");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_TRUE(model->dynamic);
  EXPECT_EQ(model->arch, "RKNPU lite");
  EXPECT_EQ(plain_version(model->toolkit), "1.6.2");
}

TEST(RknnFile, TheOldestRuntimeThatLoadsIt) {
  auto least = [](std::uint64_t format, std::string toolkit) {
    RknnFile model;
    model.format = format;
    model.toolkit = std::move(toolkit);
    return least_runtime(model);
  };
  EXPECT_EQ(least(1, "1.3.0"), "");
  EXPECT_EQ(least(2, "1.4.0"), "");
  EXPECT_EQ(least(4, "1.5.0"), "1.5.0");
  EXPECT_EQ(least(6, "1.5.2"), "1.5.2");
  EXPECT_EQ(least(6, "1.6.2-source_code"), "1.5.2");
  EXPECT_EQ(least(6, "2.1.0+708089d1"), "2.1.0");
  EXPECT_EQ(least(6, ""), "1.5.2");
}

TEST(RknnFile, PlatformsThatAreTheSame) {
  EXPECT_TRUE(same_platform("rk3588", "rk3588s"));
  EXPECT_TRUE(same_platform("rk3588", "RK3582"));
  EXPECT_TRUE(same_platform("rk3566", "rk3568"));
  EXPECT_TRUE(same_platform("rv1106", "rv1103"));
  EXPECT_FALSE(same_platform("rk3588", "rk3576"));
  EXPECT_FALSE(same_platform("rk3566", "rk3562"));
}

TEST(RknnFile, WhatIsNotOneIsNamed) {
  EXPECT_THAT(refusal({}), HasSubstr("is an empty file"));
  EXPECT_THAT(refusal(bytes_of_text("version https://git-lfs.github.com/spec/v1\noid sha256:1")),
              HasSubstr("Git LFS pointer"));
  EXPECT_THAT(refusal(bytes_of_text("\n <!DOCTYPE html>")), HasSubstr("web page"));
  EXPECT_THAT(refusal(bytes_of_text("RKLLM\1\2\3")), HasSubstr("RKLLM runtime"));
  EXPECT_THAT(refusal(bytes_of_text("CYPTRKNN....")), HasSubstr("encrypted"));
  EXPECT_THAT(refusal(bytes_of_text("\x08\x07\x12\x0bpytorch 2.1.0")), HasSubstr("ONNX"));
  EXPECT_THAT(refusal(bytes_of_text(std::string("\x1c\0\0\0TFL3....", 12))),
              HasSubstr("TensorFlow Lite"));
  EXPECT_THAT(refusal(std::vector<std::byte>(64)), HasSubstr("filled with zeros"));
  EXPECT_THAT(refusal(bytes_of_text("RKNNBIN something else")), HasSubstr("NPU1"));
}

TEST(RknnFile, HalfAFileIsTold) {
  const std::vector<std::byte> whole = small_rknn();
  for (std::size_t size = 8; size < whole.size(); ++size) {
    const std::string why = refusal({whole.begin(), whole.begin() + static_cast<long>(size)});
    EXPECT_THAT(why, HasSubstr("cut off")) << size;
  }
}

TEST(RknnFile, DamageIsTold) {
  auto damaged = [](std::size_t at, std::uint64_t number) {
    std::vector<std::byte> bytes = small_rknn();
    std::memcpy(bytes.data() + at, &number, sizeof number);
    return refusal(bytes);
  };
  EXPECT_THAT(damaged(8, 0), HasSubstr("format version 0"));
  EXPECT_THAT(damaged(8, ~0ULL), HasSubstr("format version"));
  EXPECT_THAT(damaged(16, ~0ULL), HasSubstr("cut off"));
  EXPECT_THAT(damaged(16, 0), HasSubstr("no RKNN network"));
  EXPECT_THAT(damaged(68, 0), HasSubstr("no RKNN network"));
  std::vector<std::byte> bytes = small_rknn();
  bytes[bytes.size() - 1] = std::byte{'['};
  EXPECT_THAT(refusal(bytes), HasSubstr("JSON text at its end is damaged"));
}

TEST(SimulatedArtifact, GivesItsNetworkBack) {
  std::string tflite = "....TFL3 and so on";
  const auto bytes = sim::make_rknn(bytes_of_text(tflite), {});
  auto model = read_rknn(bytes, "m.rknn");
  ASSERT_TRUE(model) << model.error().message;
  const auto network = sim::network_of(
      std::span(bytes).subspan(64, static_cast<std::size_t>(model->flatbuffer_bytes)));
  ASSERT_TRUE(network);
  EXPECT_EQ(std::memcmp(network->data(), tflite.data(), tflite.size()), 0);
  EXPECT_EQ(network->size(), tflite.size());
}

}  // namespace
}  // namespace anynpu::engine
