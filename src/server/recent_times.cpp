// SPDX-License-Identifier: Apache-2.0
// A ring of answers, and a count for each of the last seconds.
#include "server/recent_times.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace anynpu::server {
namespace {

constexpr std::size_t kMostRemembered = 256;

double thousandths(double value) {
  return std::round(value * 1000) / 1000;
}

}  // namespace

std::int64_t RecentTimes::second_of(TimePoint time) {
  return std::chrono::duration_cast<seconds>(time.time_since_epoch()).count();
}

void RecentTimes::note(const std::string& model, int version, double ms, TimePoint now) {
  const std::int64_t second = second_of(now);
  std::lock_guard lock(mutex_);
  auto at = models_.find({model, version});
  if (at == models_.end()) {
    if (models_.size() >= kMostRemembered) models_.erase(models_.begin());
    at = models_.try_emplace({model, version}).first;
  }
  Model& kept = at->second;
  kept.answers[kept.count++ % kKept] = {now, ms};
  auto& [slot_second, count] =
      kept.by_second[static_cast<std::size_t>(second) % kept.by_second.size()];
  if (slot_second != second) count = 0;
  slot_second = second;
  ++count;
}

Json RecentTimes::to_json(const std::string& model, int version, TimePoint now) const {
  const std::int64_t second = second_of(now);
  std::vector<double> times;
  std::uint64_t answered = 0;
  {
    std::lock_guard lock(mutex_);
    auto at = models_.find({model, version});
    if (at == models_.end()) return nullptr;
    const Model& kept = at->second;
    std::size_t filled = std::min<std::uint64_t>(kept.count, kKept);
    for (std::size_t i = 0; i < filled; ++i)
      if (now - kept.answers[i].time <= seconds(kSeconds)) times.push_back(kept.answers[i].ms);
    // The second that has just begun says nothing yet.
    for (const auto& [each, count] : kept.by_second)
      if (each < second && each >= second - kSeconds) answered += count;
  }
  if (times.empty()) return nullptr;
  std::sort(times.begin(), times.end());
  return {{"per_second", thousandths(static_cast<double>(answered) / kSeconds)},
          {"p50_ms", thousandths(times[times.size() / 2])},
          {"p99_ms", thousandths(times[times.size() * 99 / 100])},
          {"requests", times.size()}};
}

}  // namespace anynpu::server
