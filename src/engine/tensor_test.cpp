// SPDX-License-Identifier: Apache-2.0
#include "engine/tensor.h"

#include <cmath>
#include <cstring>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/half.h"

namespace anynpu::engine {
namespace {

using ::testing::ElementsAre;

template <typename T>
Tensor tensor_of(DType type, Shape shape, const std::vector<T>& elements) {
  Tensor tensor{{"t", type, std::move(shape)}, {}};
  tensor.bytes.resize(elements.size() * sizeof(T));
  std::memcpy(tensor.bytes.data(), elements.data(), tensor.bytes.size());
  return tensor;
}

template <typename T>
std::vector<float> floats(DType type, const std::vector<T>& elements) {
  auto values = to_floats(tensor_of(type, {static_cast<std::int64_t>(elements.size())}, elements));
  EXPECT_TRUE(values.has_value()) << (values ? "" : values.error().message);
  return values ? *values : std::vector<float>{};
}

TEST(DType, EveryWordIsReadBackAsItsType) {
  for (int i = 0; i <= static_cast<int>(DType::kUint4); ++i) {
    const auto type = static_cast<DType>(i);
    EXPECT_EQ(dtype_from(to_string(type)), type) << to_string(type);
  }
  EXPECT_EQ(to_string(DType::kFloat32), "float32");
  EXPECT_EQ(dtype_from("float"), DType::kUnknown);
}

TEST(DType, Bits) {
  EXPECT_EQ(bits_of(DType::kInt4), 4U);
  EXPECT_EQ(bits_of(DType::kBool), 8U);
  EXPECT_EQ(bits_of(DType::kBFloat16), 16U);
  EXPECT_EQ(bits_of(DType::kComplex128), 128U);
  EXPECT_EQ(bits_of(DType::kString), 0U);
}

TEST(Shape, Text) {
  EXPECT_EQ(to_string(Shape{1, 224, 224, 3}), "1x224x224x3");
  EXPECT_EQ(to_string(Shape{-1, 80}), "?x80");
  EXPECT_EQ(to_string(Shape{}), "scalar");
}

TEST(Shape, ElementCount) {
  EXPECT_EQ(element_count({}), 1);
  EXPECT_EQ(element_count({2, 3}), 6);
  EXPECT_EQ(element_count({2, 0, 5}), 0);
  EXPECT_EQ(element_count({2, -1}), -1);
  EXPECT_EQ(element_count({1LL << 40, 1LL << 40}), -1);
}

TEST(TensorInfo, ByteSize) {
  EXPECT_EQ((TensorInfo{"", DType::kFloat32, {1, 3}}.byte_size()), 12U);
  EXPECT_EQ((TensorInfo{"", DType::kInt4, {3}}.byte_size()), 2U);
  EXPECT_EQ((TensorInfo{"", DType::kFloat32, {-1, 3}}.byte_size()), 0U);
  EXPECT_EQ((TensorInfo{"", DType::kString, {3}}.byte_size()), 0U);
  EXPECT_EQ((TensorInfo{"", DType::kFloat64, {1LL << 61}}.byte_size()), 0U);
}

TEST(ToFloats, EveryNumericType) {
  EXPECT_THAT(floats<std::uint8_t>(DType::kBool, {0, 1, 2}), ElementsAre(0, 1, 1));
  EXPECT_THAT(floats<std::uint8_t>(DType::kUint8, {0, 255}), ElementsAre(0, 255));
  EXPECT_THAT(floats<std::int8_t>(DType::kInt8, {-128, 127}), ElementsAre(-128, 127));
  EXPECT_THAT(floats<std::uint16_t>(DType::kUint16, {65535}), ElementsAre(65535));
  EXPECT_THAT(floats<std::int16_t>(DType::kInt16, {-32768}), ElementsAre(-32768));
  EXPECT_THAT(floats<std::uint32_t>(DType::kUint32, {1U << 31}), ElementsAre(2147483648.0F));
  EXPECT_THAT(floats<std::int32_t>(DType::kInt32, {-5}), ElementsAre(-5));
  EXPECT_THAT(floats<std::uint64_t>(DType::kUint64, {1ULL << 40}), ElementsAre(1099511627776.0F));
  EXPECT_THAT(floats<std::int64_t>(DType::kInt64, {-7}), ElementsAre(-7));
  EXPECT_THAT(floats<std::uint16_t>(DType::kFloat16, {0x3C00, 0xC000}), ElementsAre(1, -2));
  EXPECT_THAT(floats<std::uint16_t>(DType::kBFloat16, {0x3F80, 0xC000}), ElementsAre(1, -2));
  EXPECT_THAT(floats<float>(DType::kFloat32, {1.5F}), ElementsAre(1.5F));
  EXPECT_THAT(floats<double>(DType::kFloat64, {-0.25}), ElementsAre(-0.25F));
}

TEST(ToFloats, FourBitsLowHalfFirst) {
  Tensor tensor = tensor_of<std::uint8_t>(DType::kInt4, {3}, {0xF1, 0x08});
  EXPECT_THAT(*to_floats(tensor), ElementsAre(1, -1, -8));
  tensor.info.type = DType::kUint4;
  EXPECT_THAT(*to_floats(tensor), ElementsAre(1, 15, 8));
}

TEST(ToFloats, DequantisesPerTensor) {
  Tensor tensor = tensor_of<std::uint8_t>(DType::kUint8, {3}, {0, 128, 255});
  tensor.info.quantisation = {{0.5F}, {128}, 0};
  EXPECT_THAT(*to_floats(tensor), ElementsAre(-64, 0, 63.5F));
}

TEST(ToFloats, DequantisesPerAxis) {
  Tensor tensor =
      tensor_of<std::int8_t>(DType::kInt8, {2, 3, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  tensor.info.quantisation = {{1, 10, 100}, {0, 1, 2}, 1};
  EXPECT_THAT(*to_floats(tensor), ElementsAre(1, 2, 20, 30, 300, 400, 7, 8, 80, 90, 900, 1000));
}

TEST(ToFloats, ScalesThatDoNotFitTheAxisAreAnError) {
  Tensor tensor = tensor_of<std::int8_t>(DType::kInt8, {2, 3}, {1, 2, 3, 4, 5, 6});
  tensor.info.quantisation = {{1, 2}, {0, 0}, 1};
  auto values = to_floats(tensor);
  ASSERT_FALSE(values);
  EXPECT_EQ(values.error().message, "tensor 't': 2 scales and 2 zero points for axis 1 of 2x3");
  tensor.info.quantisation.axis = 2;
  EXPECT_FALSE(to_floats(tensor));
}

TEST(ToFloats, BytesThatDoNotFitTheShapeAreAnError) {
  auto values = to_floats(tensor_of<float>(DType::kFloat32, {3}, {1, 2}));
  ASSERT_FALSE(values);
  EXPECT_EQ(values.error().code, Code::kInvalid);
  EXPECT_EQ(values.error().message, "tensor 't': 8 bytes are not 3 elements of float32");
}

TEST(ToFloats, StringsHaveNoRealValue) {
  auto values = to_floats(tensor_of<std::uint8_t>(DType::kString, {1}, {1, 0, 0, 0, 'a'}));
  ASSERT_FALSE(values);
  EXPECT_EQ(values.error().code, Code::kUnsupported);
}

TEST(Half, EveryValueSurvivesTheRoundTrip) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = half_to_float(half);
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(value))));
    else
      ASSERT_EQ(float_to_half(value), half) << value;
  }
}

TEST(Half, RoundsToNearestEven) {
  EXPECT_EQ(float_to_half(1.0F + 1.0F / 2048), 0x3C00);  // a tie, down to even
  EXPECT_EQ(float_to_half(1.0F + 3.0F / 2048), 0x3C02);  // a tie, up to even
  EXPECT_EQ(float_to_half(65519.0F), 0x7BFF);
  EXPECT_EQ(float_to_half(65520.0F), 0x7C00);
  EXPECT_EQ(float_to_half(1e9F), 0x7C00);
  EXPECT_EQ(float_to_half(std::ldexp(1.0F, -25)), 0);  // a tie with zero
  EXPECT_EQ(float_to_half(std::ldexp(1.5F, -25)), 1);
  EXPECT_EQ(float_to_half(-std::numeric_limits<float>::infinity()), 0xFC00);
}

TEST(BFloat16, RoundsToNearestEven) {
  EXPECT_EQ(float_to_bfloat16(1.0F), 0x3F80);
  EXPECT_EQ(float_to_bfloat16(1.0F + 1.0F / 256), 0x3F80);
  EXPECT_EQ(float_to_bfloat16(1.0F + 3.0F / 256), 0x3F82);
  EXPECT_TRUE(std::isnan(bfloat16_to_float(float_to_bfloat16(std::nanf("")))));
}

TEST(Cosine, Cases) {
  EXPECT_DOUBLE_EQ(cosine_similarity({1, 2}, {2, 4}), 1);
  EXPECT_DOUBLE_EQ(cosine_similarity({1, 0}, {0, 1}), 0);
  EXPECT_DOUBLE_EQ(cosine_similarity({1, 0}, {-1, 0}), -1);
  EXPECT_DOUBLE_EQ(cosine_similarity({0, 0}, {0, 0}), 1);
  EXPECT_DOUBLE_EQ(cosine_similarity({0, 0}, {0, 1}), 0);
  EXPECT_DOUBLE_EQ(cosine_similarity({1}, {1, 1}), 0);
  EXPECT_DOUBLE_EQ(cosine_similarity({std::nanf("")}, {1}), 0);
}

}  // namespace
}  // namespace anynpu::engine
