// SPDX-License-Identifier: Apache-2.0
#include "server/query.h"

#include <gtest/gtest.h>

namespace anynpu::server {
namespace {

using Segments = std::vector<std::string>;

TEST(Query, SplitsPathAndParameters) {
  auto target = parse_target("/v2/models/a%2Fb/infer?top=3&label=a+b%21&flag&top=4");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->segments, (Segments{"v2", "models", "a/b", "infer"}));
  EXPECT_EQ(target->path, "/v2/models/a/b/infer");
  EXPECT_EQ(target->parameter("top"), "3");
  EXPECT_EQ(target->parameter("label"), "a b!");
  EXPECT_EQ(target->parameter("flag"), "");
  EXPECT_EQ(target->parameter("none"), std::nullopt);
}

TEST(Query, RootTrailingSlashAndAbsoluteForm) {
  EXPECT_EQ(parse_target("/")->segments, Segments{});
  EXPECT_EQ(parse_target("/infer/")->segments, Segments{"infer"});
  EXPECT_EQ(parse_target("http://host:80/infer?top=1")->segments, Segments{"infer"});
  EXPECT_EQ(parse_target("http://host")->segments, Segments{});
  EXPECT_EQ(parse_target("http://host?top=1")->parameter("top"), "1");
  EXPECT_EQ(parse_target("*")->path, "*");
}

TEST(Query, PlusIsASpaceOnlyInParameters) {
  EXPECT_EQ(parse_target("/a+b")->segments, Segments{"a+b"});
}

TEST(Query, RefusesWhatIsMalformed) {
  for (const char* bad : {"", "infer", "/%", "/%2", "/%zz", "/%00", "/a%0ab", "/?a=%ff", "/%c3"})
    EXPECT_FALSE(parse_target(bad)) << bad;
  std::string many = "/?";
  for (std::size_t i = 0; i <= kMostParameters; ++i) many += "a&";
  EXPECT_FALSE(parse_target(many));
  auto long_target = parse_target("/" + std::string(kMostTargetBytes, 'a'));
  ASSERT_FALSE(long_target);
  EXPECT_EQ(long_target.error().code, Code::kTooLarge);
}

TEST(Query, NumbersHaveBounds) {
  EXPECT_EQ(*parse_integer("top", "7", 1, 10), 7);
  for (const char* bad : {"", "0", "11", "7x", " 7", "+7", "99999999999999999999", "0x7"})
    EXPECT_FALSE(parse_integer("top", bad, 1, 10)) << bad;
  EXPECT_DOUBLE_EQ(*parse_number("threshold", "0.25", 0, 1), 0.25);
  for (const char* bad : {"", "nan", "inf", "1.5", "-0.1", "0.5.5"})
    EXPECT_FALSE(parse_number("threshold", bad, 0, 1)) << bad;
  EXPECT_EQ(parse_integer("top", "x", 1, 10).error().message,
            "top=x is not a whole number from 1 to 10");
}

}  // namespace
}  // namespace anynpu::server
