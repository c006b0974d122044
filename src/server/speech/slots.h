// SPDX-License-Identifier: Apache-2.0
// Slots: how many transcriptions may work at one time. The oldest that waits is next.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>

namespace anynpu::server {

class Slots {
 public:
  explicit Slots(int count) : free_(count) {}

  /// Waits for a slot; false, without one, as soon as `stop` says so.
  bool enter(const std::function<bool()>& stop);
  void leave();
  /// Those that wait look at their `stop` again.
  void wake();
  std::size_t waiting() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int free_;
  std::uint64_t next_ = 0;
  std::set<std::uint64_t> queue_;  // tickets
};

}  // namespace anynpu::server
