// SPDX-License-Identifier: Apache-2.0
#include "server/oip/json_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace anynpu::server::oip {
namespace {

using testing::HasSubstr;

bool accepts(std::string_view text) {
  JsonReader reader(text);
  reader.skip();
  return reader.finish();
}

TEST(OipJsonReader, AcceptsWhatTheGrammarHas) {
  for (const char* text :
       {"0", "-0", "1", "-1.5e+3", "1E-2", "0.5", "\"\"", "\"a\\u00e9\\n\"", "true", "false",
        "null", "[]", "{}", " [ 1 , [ ] , { \"a\" : null } ] ", "{\"\":0}", "\"\\ud83d\\ude00\"",
        "\"\xF0\x9F\x98\x80\"", "{\"a\":1,\"a\":2}"}) {
    EXPECT_TRUE(accepts(text)) << text;
    EXPECT_TRUE(nlohmann::json::accept(text)) << text;
  }
}

TEST(OipJsonReader, RefusesWhatItHasNot) {
  for (const char* text : {"",
                           " ",
                           "01",
                           "-",
                           "1.",
                           ".5",
                           "+1",
                           "1e",
                           "1e+",
                           "0x10",
                           "tru",
                           "nul",
                           "True",
                           "[1,]",
                           "[,1]",
                           "[1 2]",
                           "[",
                           "]",
                           "{",
                           "{1:2}",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{,}",
                           "\"",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"\\ud800\\u0041\"",
                           "\"\n\"",
                           "\"\xC0\xAF\"",
                           "\"\xED\xA0\x80\"",
                           "\"\xF5\x80\x80\x80\"",
                           "\"\xE2\x82\"",
                           "1 2",
                           "[1]]",
                           "NaN",
                           "Infinity",
                           "-Infinity",
                           "nan",
                           "'a'",
                           "/* */1"}) {
    EXPECT_FALSE(accepts(text)) << text;
    EXPECT_FALSE(nlohmann::json::accept(text)) << text;
  }
}

TEST(OipJsonReader, SaysWhereAndWhat) {
  JsonReader reader("{\"a\": [1, NaN]}");
  reader.skip();
  ASSERT_TRUE(reader.failed());
  EXPECT_EQ(reader.error().code, Code::kInvalid);
  EXPECT_THAT(reader.error().message, HasSubstr("NaN is not JSON"));
  EXPECT_THAT(reader.error().message, HasSubstr("byte 10"));
}

TEST(OipJsonReader, LimitsTheDepth) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(accepts(nested(JsonReader::kMostDepth)));
  EXPECT_FALSE(accepts(nested(JsonReader::kMostDepth + 1)));
  const std::string deep(std::size_t{1} << 20, '[');
  EXPECT_FALSE(accepts(deep));
}

TEST(OipJsonReader, ReadsMembersAsTheyCome) {
  JsonReader reader(
      R"( {"a": "x\u0041\"", "b": [1, -2.5e3], "c": true, "d": null, "e": {"f": [{}]}} )");
  std::string key;
  std::string text;
  std::vector<std::string> numbers;
  std::string_view skipped;
  bool truth = false;
  ASSERT_TRUE(reader.begin_object());
  while (reader.next_key(key)) {
    if (key == "a") {
      EXPECT_TRUE(reader.read_string(text));
    } else if (key == "b") {
      reader.begin_array();
      while (reader.next_element()) {
        std::string_view number;
        reader.read_number(number);
        numbers.emplace_back(number);
      }
    } else if (key == "c") {
      EXPECT_TRUE(reader.read_bool(truth));
    } else if (key == "d") {
      EXPECT_TRUE(reader.read_null());
    } else {
      EXPECT_TRUE(reader.skip(skipped));
    }
  }
  EXPECT_TRUE(reader.finish());
  EXPECT_EQ(text, "xA\"");
  EXPECT_EQ(numbers, (std::vector<std::string>{"1", "-2.5e3"}));
  EXPECT_TRUE(truth);
  EXPECT_EQ(skipped, "{\"f\": [{}]}");
}

TEST(OipJsonReader, StaysWithItsFirstError) {
  JsonReader reader("[}");
  EXPECT_TRUE(reader.begin_array());
  EXPECT_TRUE(reader.next_element());
  EXPECT_FALSE(reader.skip());
  const std::string first = reader.error().message;
  std::string text;
  EXPECT_FALSE(reader.read_string(text));
  EXPECT_FALSE(reader.begin_object());
  EXPECT_FALSE(reader.finish());
  EXPECT_EQ(reader.error().message, first);
}

TEST(OipJsonReader, WritesStringsThatReadBack) {
  std::string all;
  for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
  all += "\xC3\xA9\xF0\x9F\x98\x80";
  std::string out;
  append_json_string(out, all);
  EXPECT_EQ(nlohmann::json::parse(out).get<std::string>(), all);
  JsonReader reader(out);
  std::string back;
  EXPECT_TRUE(reader.read_string(back));
  EXPECT_TRUE(reader.finish());
  EXPECT_EQ(back, all);
}

}  // namespace
}  // namespace anynpu::server::oip
