// SPDX-License-Identifier: Apache-2.0
// Keeps a device from falling asleep between requests that are near to each other.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/clock.h"

namespace anynpu::engine {

/// Calls `touch` from a thread of its own whenever nothing has used the device for `interval`,
/// until nothing has for `keep`. `touch` and a KeepAlive::Use exclude each other.
class KeepAlive {
 public:
  KeepAlive(std::function<void()> touch, Duration interval, Duration keep);
  ~KeepAlive();
  KeepAlive(const KeepAlive&) = delete;
  KeepAlive& operator=(const KeepAlive&) = delete;

  /// The device is in use as long as this lives.
  class Use {
   public:
    explicit Use(KeepAlive& owner) : owner_(owner), lock_(owner.mutex_) {}
    ~Use();

   private:
    KeepAlive& owner_;
    std::unique_lock<std::mutex> lock_;
  };

 private:
  void run();

  std::function<void()> touch_;
  Duration interval_, keep_;
  std::mutex mutex_;
  std::condition_variable changed_;
  TimePoint last_use_{};
  TimePoint last_touch_{};
  bool used_ = false;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace anynpu::engine
