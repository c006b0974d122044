// SPDX-License-Identifier: Apache-2.0
#include "engine/strings.h"

#include <cstring>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anynpu::engine {
namespace {

using namespace std::string_view_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::byte> bytes_of(std::string_view text) {
  std::vector<std::byte> bytes(text.size());
  if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

TEST(Strings, BytesThereAndBack) {
  std::vector<std::byte> bytes;
  for (const std::string_view text : {"one"sv, ""sv, "a\0b"sv}) append_string(bytes, text);
  EXPECT_EQ(bytes, bytes_of("\3\0\0\0one\0\0\0\0\3\0\0\0a\0b"sv));
  auto strings = split_strings(bytes, 3);
  ASSERT_TRUE(strings) << strings.error().message;
  EXPECT_THAT(*strings, ElementsAre("one"sv, ""sv, "a\0b"sv));
}

TEST(Strings, BrokenBytesAreErrors) {
  EXPECT_EQ(split_strings(bytes_of("\3\0\0\0on"sv), 1).error().message,
            "string 0 says 3 bytes, 2 are left");
  EXPECT_EQ(split_strings(bytes_of("\1\0\0\0x\1\0\0"sv), 2).error().message,
            "the length of string 1 is cut off");
  EXPECT_EQ(split_strings(bytes_of("\1\0\0\0xy"sv), 1).error().message,
            "1 bytes follow the last of 1 strings");
  EXPECT_EQ(split_strings(bytes_of("\xff\xff\xff\xff"sv), 1).error().code, Code::kInvalid);
  EXPECT_EQ(split_strings({}, std::size_t{1} << 60).error().code, Code::kInvalid);
  EXPECT_THAT(*split_strings({}, 0), IsEmpty());
}

TEST(Strings, TfliteThereAndBack) {
  const std::vector<std::string_view> strings = {"one", "", "a\0b"sv};
  auto buffer = to_tflite_strings(strings);
  ASSERT_TRUE(buffer);
  EXPECT_EQ(*buffer, bytes_of("\3\0\0\0\x14\0\0\0\x17\0\0\0\x17\0\0\0\x1a\0\0\0onea\0b"sv));
  EXPECT_EQ(*from_tflite_strings(*buffer), strings);
}

TEST(Strings, BrokenTfliteBuffersAreErrors) {
  EXPECT_THAT(*from_tflite_strings({}), IsEmpty());
  EXPECT_FALSE(from_tflite_strings(bytes_of("\1\0"sv)));
  EXPECT_FALSE(from_tflite_strings(bytes_of("\1\0\0\0\x0c\0\0\0"sv)));
  EXPECT_FALSE(from_tflite_strings(bytes_of("\xff\xff\xff\xff\0\0\0\0"sv)));
  EXPECT_FALSE(from_tflite_strings(bytes_of("\1\0\0\0\x0c\0\0\0\x0d\0\0\0"sv)));  // ends outside
  EXPECT_FALSE(
      from_tflite_strings(bytes_of("\1\0\0\0\x0c\0\0\0\x0b\0\0\0"sv)));  // ends before it begins
}

}  // namespace
}  // namespace anynpu::engine
