// SPDX-License-Identifier: Apache-2.0
// Conversion through real values, and requests that another placement than the declared one
// answers.
#include "server/oip/tensor_source.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/oip/convert.h"
#include "server/oip/test_tensors.h"

namespace anynpu::server::oip {
namespace {

using engine::DType;
using engine::Shape;
using engine::TensorInfo;
using testing::ElementsAre;
using testing::HasSubstr;

template <typename To, typename From>
std::vector<To> converted(const TensorInfo& from, std::initializer_list<From> values,
                          const TensorInfo& to) {
  std::vector<std::byte> room(values.size() * sizeof(To));
  auto done = convert_elements(bytes_of(values), from, room, to);
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
  return values_of<To>(room);
}

TEST(OipConvert, BetweenQuantisedAndReal) {
  const TensorInfo quantised{"x", DType::kUint8, {3}, {{0.5F}, {128}}};
  const TensorInfo real{"x", DType::kFloat32, {3}};
  EXPECT_THAT(converted<float>(quantised, std::initializer_list<std::uint8_t>{0, 128, 255}, real),
              ElementsAre(-64.0F, 0.0F, 63.5F));
  EXPECT_THAT(converted<std::uint8_t>(real, {-64.0F, 0.2F, 63.5F}, quantised),
              ElementsAre(0, 128, 255));
  EXPECT_THAT(converted<std::uint8_t>(real, {-1000.0F, 0.25F, 1e30F}, quantised),
              ElementsAre(0, 129, 255));
}

TEST(OipConvert, BetweenTwoQuantisations) {
  const TensorInfo a{"x", DType::kUint8, {2}, {{0.5F}, {128}}};
  const TensorInfo b{"x", DType::kInt8, {2}, {{1.0F}, {0}}};
  EXPECT_THAT(converted<std::int8_t>(a, std::initializer_list<std::uint8_t>{130, 126}, b),
              ElementsAre(1, -1));
}

TEST(OipConvert, PerAxis) {
  const TensorInfo from{"x", DType::kInt8, {2, 2}, {{1.0F, 10.0F}, {0, 1}, 1}};
  const TensorInfo to{"x", DType::kFloat32, {2, 2}};
  EXPECT_THAT(converted<float>(from, std::initializer_list<std::int8_t>{1, 2, 3, 4}, to),
              ElementsAre(1.0F, 10.0F, 3.0F, 30.0F));
  const TensorInfo wrong{"x", DType::kInt8, {2, 2}, {{1.0F, 10.0F, 3.0F}, {}, 1}};
  std::vector<std::byte> room(16);
  EXPECT_FALSE(convert_elements(bytes_of<std::int8_t>({1, 2, 3, 4}), wrong, room, to));
}

TEST(OipConvert, BetweenPlainTypes) {
  const auto plain = [](DType type) { return TensorInfo{"x", type, {2}}; };
  EXPECT_THAT(converted<std::int32_t>(plain(DType::kFloat32), {2.5F, -2.5F}, plain(DType::kInt32)),
              ElementsAre(3, -3));
  EXPECT_THAT(converted<std::int64_t>(plain(DType::kInt32), {-7, 2147483647}, plain(DType::kInt64)),
              ElementsAre(-7, 2147483647));
  EXPECT_THAT(
      converted<std::uint16_t>(plain(DType::kFloat32), {1.0F, -2.0F}, plain(DType::kFloat16)),
      ElementsAre(0x3C00, 0xC000));
  EXPECT_THAT(converted<float>(plain(DType::kBFloat16),
                               std::initializer_list<std::uint16_t>{0x3F80, 0xC000},
                               plain(DType::kFloat32)),
              ElementsAre(1.0F, -2.0F));
  EXPECT_THAT(converted<double>(plain(DType::kFloat32), {0.5F, 1e30F}, plain(DType::kFloat64)),
              ElementsAre(0.5, static_cast<double>(1e30F)));
  EXPECT_THAT(converted<std::uint8_t>(plain(DType::kFloat32), {0.1F, 0.0F}, plain(DType::kBool)),
              ElementsAre(1, 0));
  EXPECT_THAT(converted<float>(plain(DType::kBool), std::initializer_list<std::uint8_t>{7, 0},
                               plain(DType::kFloat32)),
              ElementsAre(1.0F, 0.0F));
}

TEST(OipConvert, HoldsToTheRangeOfWholeTypes) {
  const TensorInfo real{"x", DType::kFloat64, {4}};
  const auto all = {HUGE_VAL, -HUGE_VAL, static_cast<double>(NAN), 1e19};
  EXPECT_THAT(converted<std::int64_t>(real, all, {"x", DType::kInt64, {4}}),
              ElementsAre(std::numeric_limits<std::int64_t>::max(),
                          std::numeric_limits<std::int64_t>::min(), 0,
                          std::numeric_limits<std::int64_t>::max()));
  EXPECT_THAT(converted<std::uint64_t>(real, all, {"x", DType::kUint64, {4}}),
              ElementsAre(std::numeric_limits<std::uint64_t>::max(), 0, 0, 10000000000000000000U));
  EXPECT_THAT(converted<std::uint8_t>(real, all, {"x", DType::kUint8, {4}}),
              ElementsAre(255, 0, 0, 255));
}

TEST(OipConvert, RefusesWhatHasNoNumbers) {
  std::vector<std::byte> room(4);
  const TensorInfo text{"x", DType::kString, {1}};
  const TensorInfo real{"x", DType::kFloat32, {1}};
  EXPECT_FALSE(convert_elements(bytes_of_texts({""}), text, room, real));
  EXPECT_FALSE(convert_elements(bytes_of({1.0F}), real, room, text));
  EXPECT_FALSE(convert_elements(bytes_of({1.0F}), real, room, {"x", DType::kInt4, {1}}));
  EXPECT_FALSE(convert_elements(bytes_of({1.0F, 2.0F}), real, room, {"x", DType::kInt32, {1}}));
}

TEST(OipConvert, KnowsTheSameEncoding) {
  const TensorInfo plain{"x", DType::kUint8, {1}};
  const TensorInfo quantised{"y", DType::kUint8, {2}, {{0.5F}, {1}}};
  EXPECT_TRUE(same_encoding(plain, {"z", DType::kUint8, {9}}));
  EXPECT_FALSE(same_encoding(plain, quantised));
  EXPECT_FALSE(same_encoding(plain, {"x", DType::kInt8, {1}}));
  EXPECT_FALSE(same_encoding(quantised, {"y", DType::kUint8, {2}, {{0.5F}, {2}}}));
  EXPECT_TRUE(same_encoding(quantised, quantised));
}

class OipTensorSource : public testing::Test {
 protected:
  static TensorSource source(const TensorInfo& declared, const Shape& shape,
                             const std::vector<std::byte>& bytes,
                             std::vector<std::int64_t> batches = {}) {
    return TensorSource({{declared, shape, bytes}}, std::move(batches), nullptr);
  }
};

TEST_F(OipTensorSource, CopiesWhatTheDeclaredArtifactTakes) {
  const TensorInfo declared{"x", DType::kFloat32, {1, -1}};
  const auto bytes = bytes_of({1.0F, 2.0F});
  const TensorSource sent = source(declared, {1, 2}, bytes);
  EXPECT_EQ(*sent.shape(0, declared), (Shape{1, 2}));
  std::vector<std::byte> room(8);
  ASSERT_TRUE(sent.write(0, declared, room));
  EXPECT_EQ(room, bytes);
  std::vector<std::byte> small(4);
  EXPECT_FALSE(sent.write(0, declared, small));
}

TEST_F(OipTensorSource, ConvertsForAFallbackOfAnotherType) {
  const TensorInfo declared{"x", DType::kUint8, {1, 2}, {{0.0078125F}, {128}}};
  const TensorInfo fallback{"data", DType::kFloat32, {1, 2}};
  const auto bytes = bytes_of<std::uint8_t>({0, 192});
  const TensorSource sent = source(declared, {1, 2}, bytes);
  EXPECT_EQ(*sent.shape(0, fallback), (Shape{1, 2}));
  std::vector<std::byte> room(8);
  ASSERT_TRUE(sent.write(0, fallback, room));
  EXPECT_THAT(values_of<float>(room), ElementsAre(-1.0F, 0.5F));
}

TEST_F(OipTensorSource, FindsInputsByNameBeforePlace) {
  const auto a = bytes_of({1.0F});
  const auto b = bytes_of({2.0F});
  const TensorSource sent(
      {{{"a", DType::kFloat32, {1}}, {1}, a}, {{"b", DType::kFloat32, {1}}, {1}, b}}, {}, nullptr);
  std::vector<std::byte> room(4);
  ASSERT_TRUE(sent.write(0, {"b", DType::kFloat32, {1}}, room));
  EXPECT_THAT(values_of<float>(room), ElementsAre(2.0F));
  ASSERT_TRUE(sent.write(0, {"other", DType::kFloat32, {1}}, room));
  EXPECT_THAT(values_of<float>(room), ElementsAre(1.0F));
  EXPECT_FALSE(sent.write(2, {"third", DType::kFloat32, {1}}, room));
  EXPECT_FALSE(sent.shape(2, {"third", DType::kFloat32, {1}}));
}

TEST_F(OipTensorSource, NeverGivesAnArtifactAShapeThatItDoesNotTake) {
  const TensorInfo declared{"x", DType::kFloat32, {1, 2}};
  const auto bytes = bytes_of({1.0F, 2.0F});
  const TensorSource sent = source(declared, {1, 2}, bytes, {4});
  EXPECT_FALSE(sent.shape(0, {"x", DType::kFloat32, {2, 1}}));
  EXPECT_FALSE(sent.shape(0, {"x", DType::kFloat32, {2}}));
  EXPECT_FALSE(sent.shape(0, {"x", DType::kFloat32, {3, 2}}));
  EXPECT_EQ(*sent.shape(0, {"x", DType::kFloat32, {4, 2}}), (Shape{1, 2}))
      << "four requests run together";
  EXPECT_EQ(*sent.shape(0, {"x", DType::kFloat32, {-1, 2}}), (Shape{1, 2}));
}

TEST_F(OipTensorSource, StringsGoAsTheyAre) {
  const TensorInfo declared{"x", DType::kString, {2}};
  const auto bytes = bytes_of_texts({"ab", ""});
  const TensorSource sent = source(declared, {2}, bytes);
  EXPECT_EQ(sent.string_bytes(0), bytes.size());
  EXPECT_EQ(sent.string_bytes(1), 0U);
  std::vector<std::byte> room(bytes.size());
  ASSERT_TRUE(sent.write(0, declared, room));
  EXPECT_EQ(room, bytes);
}

TEST(OipAsDeclared, ConvertsOutputsBack) {
  engine::SessionInfo declared;
  declared.outputs = {{"scores", DType::kUint8, {1, 2}, {{0.00390625F}, {0}}}};
  auto outputs = as_declared(
      declared, {tensor_of<float>("probabilities", DType::kFloat32, {1, 2}, {0.5F, 1.0F})});
  ASSERT_TRUE(outputs) << outputs.error().message;
  EXPECT_EQ(outputs->at(0).info.name, "scores");
  EXPECT_EQ(outputs->at(0).info.type, DType::kUint8);
  EXPECT_THAT(values_of<std::uint8_t>(outputs->at(0).bytes), ElementsAre(128, 255));
}

TEST(OipAsDeclared, PutsOutputsInTheDeclaredOrder) {
  engine::SessionInfo declared;
  declared.outputs = {{"a", DType::kInt8, {1}}, {"b", DType::kInt8, {-1}}};
  auto outputs = as_declared(declared, {tensor_of<std::int8_t>("b", DType::kInt8, {2}, {2, 3}),
                                        tensor_of<std::int8_t>("a", DType::kInt8, {1}, {1})});
  ASSERT_TRUE(outputs);
  EXPECT_THAT(values_of<std::int8_t>(outputs->at(0).bytes), ElementsAre(1));
  EXPECT_THAT(values_of<std::int8_t>(outputs->at(1).bytes), ElementsAre(2, 3));
  EXPECT_EQ(outputs->at(1).info.shape, (Shape{2}));
  auto missing = as_declared(declared, {tensor_of<std::int8_t>("a", DType::kInt8, {1}, {1})});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kDevice);
}

}  // namespace
}  // namespace anynpu::server::oip
