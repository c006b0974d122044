// SPDX-License-Identifier: Apache-2.0
// RecentTimes: how fast each model answered lately, for people who look at the page. What is
// measured over a longer time is Prometheus' business.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/report.h"

namespace anynpu::server {

class RecentTimes {
 public:
  /// A request that was answered `now` and took `ms`. Any thread.
  void note(const std::string& model, int version, double ms, TimePoint now = Clock::now());

  /// {per_second, p50_ms, p99_ms, requests}: the rate over the last ten seconds, the times of the
  /// last 256 answers in them; null when there was none.
  Json to_json(const std::string& model, int version, TimePoint now = Clock::now()) const;

 private:
  static constexpr std::size_t kKept = 256;
  static constexpr int kSeconds = 10;
  struct Answer {
    TimePoint time = {};
    double ms = 0;
  };
  struct Model {
    std::array<Answer, kKept> answers = {};
    std::uint64_t count = 0;
    std::array<std::pair<std::int64_t, std::uint64_t>, kSeconds + 1> by_second = {};
  };
  static std::int64_t second_of(TimePoint time);

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, Model> models_;
};

}  // namespace anynpu::server
