// SPDX-License-Identifier: Apache-2.0
// Digests: what they say of real bytes, and what is read from texts of others.
#include "doctor/model_digest.h"

#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tiny_rknn.h"
#include "tiny_tflite.h"

namespace anynpu::doctor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

ModelDigest digest_of(std::span<const std::byte> bytes, const std::string& path,
                      const engine::teflon::MesaVersion& mesa = {26, 2, 6}) {
  auto digest = read_model_digest(model_digest(mesa).make(bytes, path));
  EXPECT_TRUE(digest) << digest.error().message;
  return digest ? *digest : ModelDigest{};
}

ModelDigest digest_of_text(std::string_view text, const std::string& path) {
  return digest_of(std::as_bytes(std::span(text)), path);
}

TEST(ModelDigestTest, OfATfliteTellsWhatStaysOnTheCpu) {
  test::TinyTflite model;
  test::TinyTensor shape{"x", test::TfliteType::kFloat32, {1, 8, 8, 16}};
  const int x = model.input(shape), y = model.input(shape);
  model.add(x, y, model.output(shape));
  const std::vector<std::byte> bytes = model.build();
  const ModelDigest digest = digest_of(bytes, "/m/model.tflite");
  EXPECT_EQ(digest.problem, "");
  EXPECT_EQ(digest.kind, "tflite");
  EXPECT_EQ(digest.operators, 1);
  EXPECT_EQ(digest.taken, 0);
  EXPECT_THAT(digest.kept_back, ElementsAre(Pair("its tensors are not unsigned 8-bit", 1)));
}

TEST(ModelDigestTest, OfAnRknnTellsChipAndRuntime) {
  const std::vector<std::byte> bytes = sim::make_rknn({}, {});
  const ModelDigest digest = digest_of(bytes, "/m/model.rknn");
  EXPECT_EQ(digest.problem, "");
  EXPECT_EQ(digest.kind, "rknn");
  EXPECT_EQ(digest.format, 6U);
  EXPECT_THAT(digest.platforms, ElementsAre("rk3588"));
  EXPECT_EQ(digest.format_runtime, "1.5.2");
  EXPECT_EQ(digest.least_runtime, "2.3.2");
}

TEST(ModelDigestTest, WhatIsNoModelSaysWhatItIs) {
  const ModelDigest pointer =
      digest_of_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "/m/a.rknn");
  EXPECT_THAT(pointer.problem, HasSubstr("Git LFS"));
  EXPECT_THAT(pointer.problem, Not(HasSubstr("/m/a.rknn")));
  EXPECT_THAT(digest_of_text("<!DOCTYPE html><html>", "/m/a.tflite").problem, HasSubstr("page"));
  EXPECT_THAT(digest_of_text("", "/m/a.tflite").problem, HasSubstr("empty"));
}

TEST(ModelDigestTest, ADigestIsOfOneMesa) {
  EXPECT_EQ(model_digest({26, 2, 6}).name, "model-26.2.6");
  EXPECT_EQ(model_digest({}).name, "model");
}

TEST(ModelDigestTest, TextsOfOthersAreBounded) {
  EXPECT_FALSE(read_model_digest("no json"));
  EXPECT_FALSE(read_model_digest("[1,2]"));
  auto odd = read_model_digest(
      R"({"kind":7,"operators":-4,"taken":1e300,"columns":99999999999,"platforms":[1,"rk3588"],)"
      R"("kept_back":{"a":"b","c":2}})");
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->kind, "");
  EXPECT_EQ(odd->operators, 0);
  EXPECT_EQ(odd->taken, 0);
  EXPECT_EQ(odd->columns, 0U);
  EXPECT_THAT(odd->platforms, ElementsAre("rk3588"));
  EXPECT_THAT(odd->kept_back, ElementsAre(Pair("c", 2)));
  EXPECT_THAT(read_model_digest("{}")->kept_back, IsEmpty());
}

}  // namespace
}  // namespace anynpu::doctor
