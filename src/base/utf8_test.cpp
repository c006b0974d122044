// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <string>

#include <gtest/gtest.h>

namespace anynpu {
namespace {

TEST(Utf8, LengthOfTheFirstLetter) {
  EXPECT_EQ(utf8_length("a\xC3\xA9"), 1U);
  EXPECT_EQ(utf8_length("\xC3\xA9x"), 2U);
  EXPECT_EQ(utf8_length("\xE2\x82\xACx"), 3U);
  EXPECT_EQ(utf8_length("\xF0\x9F\x90\x88"), 4U);
}

TEST(Utf8, WhatIsNone) {
  for (const char* text : {"\x80", "\xFF", "\xC3", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80",
                           "\xF4\x90\x80\x80", "\xF0\x80\x80\x80", "\xF0\x9F\x90x"}) {
    EXPECT_EQ(utf8_length(text), 0U) << text;
    EXPECT_FALSE(is_utf8(std::string("abc") + text)) << text;
  }
  EXPECT_TRUE(is_utf8("caf\xC3\xA9 \xF0\x9F\x90\x88"));
  EXPECT_TRUE(is_utf8(""));
}

}  // namespace
}  // namespace anynpu
