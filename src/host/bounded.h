// SPDX-License-Identifier: Apache-2.0
// Calls that may block for ever in the kernel (a driver's file in /sys, a dead network mount), made
// so that only the call is lost: another thread makes it, and is left behind when it does not come
// back.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include <sys/types.h>

#include "base/clock.h"

namespace anynpu::host {

class Bounded {
 public:
  explicit Bounded(Duration limit = milliseconds(1000)) : limit_(limit) {}
  ~Bounded();
  Bounded(const Bounded&) = delete;
  Bounded& operator=(const Bounded&) = delete;

  /// False when `call` did not end in time; it may still be running then, so it must own all that
  /// it touches. After some lost calls no more are tried.
  bool run(std::function<void()> call);

 private:
  struct Worker {
    std::mutex mutex;
    std::condition_variable changed;
    std::function<void()> call;
    bool busy = false;
    bool stop = false;
  };
  void start();

  Duration limit_;
  std::mutex one_at_a_time_;
  std::shared_ptr<Worker> worker_;
  pid_t process_ = 0;  // whose thread it is: a fork has none
  int lost_ = 0;
};

}  // namespace anynpu::host
