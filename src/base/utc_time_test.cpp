// SPDX-License-Identifier: Apache-2.0
#include "base/utc_time.h"

#include <gtest/gtest.h>

namespace anynpu {
namespace {

TEST(UtcTime, IsThatOfRfc3339) {
  const std::chrono::system_clock::time_point start;
  EXPECT_EQ(utc_time(start), "1970-01-01T00:00:00Z");
  EXPECT_EQ(utc_time(start + std::chrono::seconds(1769860800)), "2026-01-31T12:00:00Z");
  EXPECT_EQ(utc_time_ms(start + std::chrono::microseconds(1769860800007900)),
            "2026-01-31T12:00:00.007Z");
}

}  // namespace
}  // namespace anynpu
