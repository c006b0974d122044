// SPDX-License-Identifier: Apache-2.0
// Rates and times of the last ten seconds.
#include "server/recent_times.h"

#include <gtest/gtest.h>

namespace anynpu::server {
namespace {

TEST(RecentTimes, RateAndPercentilesOfTheLastSeconds) {
  RecentTimes times;
  const TimePoint start(seconds(1000));
  EXPECT_TRUE(times.to_json("m", 1, start).is_null());
  for (int i = 0; i < 100; ++i) times.note("m", 1, i < 98 ? 5.0 : 50.0, start);
  Json json = times.to_json("m", 1, start + seconds(1));
  EXPECT_DOUBLE_EQ(json["per_second"].get<double>(), 10);
  EXPECT_DOUBLE_EQ(json["p50_ms"].get<double>(), 5);
  EXPECT_DOUBLE_EQ(json["p99_ms"].get<double>(), 50);
  EXPECT_EQ(json["requests"], 100);
  EXPECT_TRUE(times.to_json("m", 2, start).is_null());
  EXPECT_TRUE(times.to_json("m", 1, start + seconds(30)).is_null()) << "that is long ago";
}

TEST(RecentTimes, OnlyTheLastOnesAreKept) {
  RecentTimes times;
  const TimePoint start(seconds(1000));
  for (int i = 0; i < 5000; ++i) times.note("m", 1, i, start + milliseconds(i));
  Json json = times.to_json("m", 1, start + seconds(5));
  EXPECT_EQ(json["requests"], 256);
  EXPECT_GE(json["p50_ms"].get<double>(), 4744);
  EXPECT_DOUBLE_EQ(json["per_second"].get<double>(), 500);
}

}  // namespace
}  // namespace anynpu::server
