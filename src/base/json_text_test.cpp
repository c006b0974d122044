// SPDX-License-Identifier: Apache-2.0
// That the text reads as what was written.
#include "base/json_text.h"

#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "base/report.h"

namespace anynpu {
namespace {

TEST(JsonText, ReadsAsWhatWasWritten) {
  std::string text;
  {
    JsonObject json(text);
    json.add("yes", true);
    json.add("none", nullptr);
    json.add("count", 3);
    json.add("most", std::numeric_limits<std::int64_t>::min());
    json.add("share", 0.1);
    json.add("tiny", 1e-9);
    json.add("round", 2.0);
    json.add("word", "two \"words\"\n\\ \x01");
    json.add("umlaut", std::string("\xC3\xA4"));
    {
      JsonObject inner(json.name("inner"));
      inner.add("empty", "");
    }
    append_json_list(json.name("list"), std::vector<int>{1, 2, 3},
                     [](std::string& to, int value) { append_json(to, std::int64_t{value}); });
    append_json_list(json.name("no"), std::vector<int>(), [](std::string&, int) {});
  }
  const Json expected = {{"yes", true},          {"none", nullptr},
                         {"count", 3},           {"most", std::numeric_limits<std::int64_t>::min()},
                         {"share", 0.1},         {"tiny", 1e-9},
                         {"round", 2.0},         {"word", "two \"words\"\n\\ \x01"},
                         {"umlaut", "\xC3\xA4"}, {"inner", {{"empty", ""}}},
                         {"list", {1, 2, 3}},    {"no", Json::array()}};
  EXPECT_EQ(Json::parse(text), expected) << text;
  EXPECT_TRUE(Json::parse(text)["round"].is_number_float());
}

TEST(JsonText, WhatJsonCannotSayIsReplaced) {
  std::string text = "[";
  append_json(text, std::numeric_limits<double>::quiet_NaN());
  text += ',';
  append_json(text, std::numeric_limits<double>::infinity());
  text += ',';
  append_json(text, std::string_view("a\xFF"));
  text += ']';
  EXPECT_EQ(Json::parse(text), Json({nullptr, nullptr, "a\xEF\xBF\xBD"}));
}

}  // namespace
}  // namespace anynpu
