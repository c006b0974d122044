// SPDX-License-Identifier: Apache-2.0
// The arithmetic of `anynpu bench`.
#include "command/bench_measure.h"

#include <gtest/gtest.h>

namespace anynpu::command {
namespace {

TEST(PercentileTest, IsTheNearestRank) {
  std::vector<double> values = {5, 1, 4, 2, 3, 10, 9, 8, 7, 6};
  EXPECT_EQ(percentile(values, 0.5), 5);
  EXPECT_EQ(percentile(values, 0.9), 9);
  EXPECT_EQ(percentile(values, 0.99), 10);
  EXPECT_EQ(percentile(values, 0), 1);
  EXPECT_EQ(percentile(values, 1), 10);
  EXPECT_EQ(percentile({7}, 0.5), 7);
  EXPECT_EQ(percentile({}, 0.5), 0);
}

TEST(RatioTest, ComparesRoundWithRound) {
  PlacementFigures base, other;
  base.rounds = {{10, 10, 100}, {20}, {10}};
  other.rounds = {{20}, {40}, {30}, {999}};  // the last round has nothing to be compared with
  Ratio ratio = ratio_of(other, base);
  EXPECT_EQ(ratio.median, 2);
  EXPECT_EQ(ratio.least, 2);
  EXPECT_EQ(ratio.most, 3);
  EXPECT_EQ(ratio_of(base, base).most, 1);
  EXPECT_EQ(ratio_of(PlacementFigures{}, base).median, 1);
}

}  // namespace
}  // namespace anynpu::command
