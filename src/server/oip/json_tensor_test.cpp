// SPDX-License-Identifier: Apache-2.0
#include "server/oip/json_tensor.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/oip/datatypes.h"
#include "server/oip/test_tensors.h"

namespace anynpu::server::oip {
namespace {

using engine::DType;
using engine::Shape;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::size_t kRoom = 1 << 20;

Result<std::vector<std::byte>> read(std::string_view data, DType type, const Shape& shape) {
  return tensor_from_json(data, type, shape, "input 'x'", kRoom);
}

std::string problem(std::string_view data, DType type, const Shape& shape) {
  auto bytes = read(data, type, shape);
  return bytes ? "no error" : bytes.error().message;
}

template <typename T>
std::vector<T> numbers(std::string_view data, DType type, const Shape& shape) {
  auto bytes = read(data, type, shape);
  EXPECT_TRUE(bytes) << (bytes ? "" : bytes.error().message);
  return bytes ? values_of<T>(*bytes) : std::vector<T>();
}

std::string written(const engine::Tensor& tensor) {
  std::string out;
  auto done = append_json_data(out, tensor.info.type, tensor.bytes, "output 'y'");
  return done ? out : done.error().message;
}

TEST(OipJsonTensor, ReadsWholeNumbersToTheirLimits) {
  EXPECT_THAT(numbers<std::uint8_t>("[0,255,-0]", DType::kUint8, {3}), ElementsAre(0, 255, 0));
  EXPECT_THAT(numbers<std::int8_t>("[-128,127]", DType::kInt8, {2}), ElementsAre(-128, 127));
  EXPECT_THAT(numbers<std::uint16_t>("[65535]", DType::kUint16, {1}), ElementsAre(65535));
  EXPECT_THAT(numbers<std::int16_t>("[-32768]", DType::kInt16, {1}), ElementsAre(-32768));
  EXPECT_THAT(numbers<std::uint32_t>("[4294967295]", DType::kUint32, {1}),
              ElementsAre(4294967295U));
  EXPECT_THAT(numbers<std::int32_t>("[-2147483648]", DType::kInt32, {1}),
              ElementsAre(std::numeric_limits<std::int32_t>::min()));
  EXPECT_THAT(numbers<std::uint64_t>("[18446744073709551615]", DType::kUint64, {1}),
              ElementsAre(std::numeric_limits<std::uint64_t>::max()));
  EXPECT_THAT(numbers<std::int64_t>("[-9223372036854775808,9007199254740993]", DType::kInt64, {2}),
              ElementsAre(std::numeric_limits<std::int64_t>::min(), 9007199254740993));
}

TEST(OipJsonTensor, RefusesWhatATypeCannotHold) {
  EXPECT_EQ(problem("[1, 2, 300]", DType::kUint8, {3}),
            "input 'x', element 2: 300 does not fit UINT8 (0 to 255)");
  EXPECT_THAT(problem("[-1]", DType::kUint64, {1}), HasSubstr("does not fit UINT64"));
  EXPECT_THAT(problem("[18446744073709551616]", DType::kUint64, {1}), HasSubstr("does not fit"));
  EXPECT_THAT(problem("[9223372036854775808]", DType::kInt64, {1}),
              HasSubstr("does not fit INT64"));
  EXPECT_THAT(problem("[128]", DType::kInt8, {1}), HasSubstr("(-128 to 127)"));
  EXPECT_THAT(problem("[1.5]", DType::kInt32, {1}), HasSubstr("1.5 is not a whole number"));
  EXPECT_THAT(problem("[1e2]", DType::kInt32, {1}), HasSubstr("not a whole number"));
  EXPECT_THAT(problem("[1e39]", DType::kFloat32, {1}), HasSubstr("1e39 does not fit FP32"));
  EXPECT_THAT(problem("[-1e309]", DType::kFloat64, {1}), HasSubstr("does not fit FP64"));
  EXPECT_THAT(problem("[2]", DType::kBool, {1}), HasSubstr("neither 0 nor 1"));
}

TEST(OipJsonTensor, RefusesOtherKinds) {
  EXPECT_EQ(problem("[1, \"2\"]", DType::kFloat32, {2}),
            "input 'x', element 1: \"2\" is not a number, which FP32 takes");
  EXPECT_THAT(problem("[true]", DType::kUint8, {1}), HasSubstr("true is not a number"));
  EXPECT_THAT(problem("[null]", DType::kFloat32, {1}), HasSubstr("null is not a number"));
  EXPECT_THAT(problem("[{}]", DType::kFloat32, {1}), HasSubstr("{} is not a number"));
  EXPECT_THAT(problem("[1]", DType::kString, {1}),
              HasSubstr("1 is not a string, which BYTES takes"));
  EXPECT_THAT(problem("[\"true\"]", DType::kBool, {1}), HasSubstr("is not true or false"));
  EXPECT_THAT(problem("[NaN]", DType::kFloat32, {1}), HasSubstr("NaN is not JSON"));
  EXPECT_THAT(problem("7", DType::kFloat32, {1}), HasSubstr("not an array"));
  EXPECT_THAT(problem("[1]", DType::kFloat16, {1}), HasSubstr("FP16 has no JSON form"));
  EXPECT_THAT(problem("[1]", DType::kBFloat16, {1}), HasSubstr("BF16 has no JSON form"));
}

TEST(OipJsonTensor, ReadsFloatsExactly) {
  EXPECT_THAT(numbers<float>("[0.1,-2,3e-2,16777217,3.4028235e38]", DType::kFloat32, {5}),
              ElementsAre(0.1F, -2.0F, 0.03F, 16777216.0F, std::numeric_limits<float>::max()));
  EXPECT_THAT(numbers<double>("[0.1,1e-320,4.9406564584124654e-324]", DType::kFloat64, {3}),
              ElementsAre(0.1, 1e-320, std::numeric_limits<double>::denorm_min()));
}

TEST(OipJsonTensor, TooSmallForItsTypeIsZero) {
  auto values =
      numbers<float>("[1e-60,-1e-60,0.00000000000000000000000000000000000000000000000000001]",
                     DType::kFloat32, {3});
  EXPECT_THAT(values, ElementsAre(0.0F, 0.0F, 0.0F));
  EXPECT_TRUE(std::signbit(values.at(1)));
  EXPECT_THAT(numbers<double>("[1e-99999999999999999999]", DType::kFloat64, {1}), ElementsAre(0.0));
  EXPECT_THAT(problem("[1e99999999999999999999]", DType::kFloat64, {1}), HasSubstr("does not fit"));
}

TEST(OipJsonTensor, ReadsTruth) {
  EXPECT_THAT(numbers<std::uint8_t>("[true,false,1,0]", DType::kBool, {4}),
              ElementsAre(1, 0, 1, 0));
}

TEST(OipJsonTensor, ReadsTexts) {
  auto bytes = read(R"(["", "a\u00e9", "b"])", DType::kString, {3});
  ASSERT_TRUE(bytes);
  EXPECT_THAT(texts_of(*bytes), ElementsAre("", "a\xC3\xA9", "b"));
}

TEST(OipJsonTensor, TakesFlatAndNestedArrays) {
  for (const char* data : {"[1,2,3,4,5,6]", "[[1,2,3],[4,5,6]]"})
    EXPECT_THAT(numbers<std::int32_t>(data, DType::kInt32, {2, 3}), ElementsAre(1, 2, 3, 4, 5, 6))
        << data;
  EXPECT_THAT(numbers<std::int32_t>("[[[1],[2]]]", DType::kInt32, {1, 2, 1}), ElementsAre(1, 2));
  EXPECT_THAT(numbers<std::int32_t>("[7]", DType::kInt32, {}), ElementsAre(7));
  EXPECT_THAT(numbers<std::int32_t>("[]", DType::kInt32, {0}), ElementsAre());
  EXPECT_THAT(numbers<std::int32_t>("[[],[]]", DType::kInt32, {2, 0}), ElementsAre());
}

TEST(OipJsonTensor, NestingMustBeTheShapes) {
  EXPECT_EQ(problem("[[1,2],[3,4],[5,6]]", DType::kInt32, {2, 3}),
            "input 'x': its shape is 2x3, its arrays are nested as 3x2");
  EXPECT_THAT(problem("[[1,2,3],[4,5,6]]", DType::kInt32, {6}), HasSubstr("nested as 2x3"));
  EXPECT_THAT(problem("[[1,2,3],[4,5]]", DType::kInt32, {2, 3}), HasSubstr("nested or as long"));
  EXPECT_THAT(problem("[[1,2],3]", DType::kInt32, {3}), HasSubstr("nested or as long"));
  EXPECT_THAT(problem("[1,[2,3]]", DType::kInt32, {3}), HasSubstr("nested or as long"));
  EXPECT_THAT(problem("[[],[1]]", DType::kInt32, {1}), HasSubstr("nested or as long"));
  EXPECT_THAT(problem("[[1],[]]", DType::kInt32, {1}), HasSubstr("nested or as long"));
  EXPECT_THAT(problem("[[[]],[]]", DType::kInt32, {0}), HasSubstr("nested or as long"));
}

TEST(OipJsonTensor, CountsElements) {
  EXPECT_EQ(problem("[1,2]", DType::kInt32, {3}),
            "input 'x': its shape 3 asks for 3 elements, and there are 2");
  EXPECT_THAT(problem("[1,2,3,4]", DType::kInt32, {3}), HasSubstr("there are more"));
  EXPECT_THAT(problem("[1]", DType::kUint8, {std::int64_t{1} << 40}), HasSubstr("there are fewer"));
  auto large = tensor_from_json("[1,2,3]", DType::kInt64, {3}, "input 'x'", 16);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, Code::kTooLarge);
}

TEST(OipJsonTensor, WritesElements) {
  EXPECT_EQ(written(tensor_of<std::uint64_t>("y", DType::kUint64, {1}, {18446744073709551615U})),
            "[18446744073709551615]");
  EXPECT_EQ(written(tensor_of<std::int8_t>("y", DType::kInt8, {2}, {-128, 127})), "[-128,127]");
  EXPECT_EQ(written(tensor_of<std::uint8_t>("y", DType::kBool, {2}, {1, 0})), "[true,false]");
  EXPECT_EQ(written(tensor_of<float>("y", DType::kFloat32, {3}, {0.1F, -0.0F, 1e30F})),
            "[0.1,-0,1e+30]");
  EXPECT_EQ(written(tensor_of<double>("y", DType::kFloat64, {1}, {0.1})), "[0.1]");
  EXPECT_EQ(written({{"y", DType::kString, {2}}, bytes_of_texts({"a\"b", ""})}),
            "[\"a\\\"b\",\"\"]");
}

TEST(OipJsonTensor, SaysWhatJsonCannot) {
  EXPECT_EQ(written(tensor_of<float>("y", DType::kFloat32, {2},
                                     {1, std::numeric_limits<float>::quiet_NaN()})),
            "output 'y', element 1 is NaN, which JSON has no word for");
  EXPECT_THAT(written(tensor_of<double>("y", DType::kFloat64, {1}, {-HUGE_VAL})),
              HasSubstr("is infinite"));
  EXPECT_THAT(written(tensor_of<std::uint16_t>("y", DType::kFloat16, {1}, {0})),
              HasSubstr("FP16 has no JSON"));
  EXPECT_THAT(written(tensor_of<std::uint64_t>("y", DType::kComplex64, {1}, {0})),
              HasSubstr("complex64 has no JSON"));
  EXPECT_THAT(written({{"y", DType::kString, {1}}, bytes_of_texts({"\xFF"})}),
              HasSubstr("not UTF-8"));
}

TEST(OipJsonTensor, WhatIsWrittenReadsBackTheSame) {
  std::vector<std::byte> bytes;
  std::uint32_t bits = 1;
  for (int i = 0; i < 2000; ++i) {
    bits = bits * 1664525U + 1013904223U;
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    const auto* first = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), first, first + sizeof value);
  }
  std::string text;
  ASSERT_TRUE(append_json_data(text, DType::kFloat32, bytes, "y"));
  auto back = read(text, DType::kFloat32, {static_cast<std::int64_t>(bytes.size() / 4)});
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, bytes);
}

TEST(OipDatatypes, EveryWordHasItsType) {
  int words = 0;
  for (const char* word : {"BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32",
                           "INT64", "FP16", "FP32", "FP64", "BF16", "BYTES"}) {
    EXPECT_EQ(datatype_of(dtype_of(word)), word);
    EXPECT_THAT(all_datatypes(), HasSubstr(word));
    ++words;
  }
  EXPECT_EQ(words, 14);
  EXPECT_EQ(dtype_of("fp32"), DType::kUnknown);
  EXPECT_EQ(dtype_of(""), DType::kUnknown);
  EXPECT_EQ(datatype_of(DType::kInt4), "");
  EXPECT_EQ(element_size(DType::kBool), 1U);
  EXPECT_EQ(element_size(DType::kBFloat16), 2U);
  EXPECT_EQ(element_size(DType::kString), 0U);
}

}  // namespace
}  // namespace anynpu::server::oip
