// SPDX-License-Identifier: Apache-2.0
// Ways of doing the same, measured in turn, for differences that are smaller than a machine's
// drift.
//
// The ways take turns in short blocks, forwards and then backwards. Each block begins with a call
// that is not counted, because the others have had the caches. What is compared are blocks that lie
// side by side, so that a drift that is slow against a round falls on all alike. The median of
// these differences is given with the interval that holds it with 95 % confidence: order
// statistics, which assume nothing of the noise.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/result.h"

namespace anynpu::bench {

constexpr int kCallsOfBlock = 8;  // that are counted
constexpr int kLeastRounds = 6;   // for an interval of 95 %

struct Way {
  std::string name;
  /// Does it once; the milliseconds that the engine itself took.
  std::function<Result<double>()> call;

  // Medians of its blocks, in milliseconds: of whole calls, and of what they took beyond the
  // engine.
  std::vector<double> whole = {}, outside = {};
};

inline double median(std::vector<double> values) {
  auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

struct Estimate {
  double median = 0, low = 0, high = 0;
};

/// How much more `values` are than `than`, pair by pair.
inline Estimate difference(const std::vector<double>& values, const std::vector<double>& than) {
  std::vector<double> more;
  for (std::size_t i = 0; i < values.size(); ++i) more.push_back(values[i] - than[i]);
  std::sort(more.begin(), more.end());
  const std::size_t middle = more.size() / 2;
  const auto reach =
      static_cast<std::size_t>(std::ceil(0.98 * std::sqrt(static_cast<double>(more.size()))));
  return {more[middle], more[middle > reach ? middle - reach : 0],
          more[std::min(more.size() - 1, middle + reach)]};
}

inline std::string to_string(const Estimate& estimate) {
  return fmt::format("{:.3f} ({:.3f} to {:.3f})", estimate.median, estimate.low, estimate.high);
}

inline Result<> measure_block(Way& way) {
  std::vector<double> whole, outside;
  for (int i = 0; i <= kCallsOfBlock; ++i) {
    const TimePoint start = Clock::now();
    ANYNPU_TRY(engine_ms, way.call());
    const double ms = ms_since(start);
    if (i == 0) continue;
    whole.push_back(ms);
    outside.push_back(ms - engine_ms);
  }
  way.whole.push_back(median(std::move(whole)));
  way.outside.push_back(median(std::move(outside)));
  return {};
}

inline Result<> take_turns(std::vector<Way>& ways, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    for (auto way = ways.begin(); way != ways.end(); ++way) ANYNPU_CHECK(measure_block(*way));
    for (auto way = ways.rbegin(); way != ways.rend(); ++way) ANYNPU_CHECK(measure_block(*way));
  }
  return {};
}

}  // namespace anynpu::bench
