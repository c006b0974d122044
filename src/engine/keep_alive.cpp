// SPDX-License-Identifier: Apache-2.0
// The thread that touches an idle device.
#include "engine/keep_alive.h"

#include <algorithm>

namespace anynpu::engine {

KeepAlive::KeepAlive(std::function<void()> touch, Duration interval, Duration keep)
    : touch_(std::move(touch)), interval_(interval), keep_(keep) {
  if (keep_ > Duration::zero()) thread_ = std::thread([this] { run(); });
}

KeepAlive::~KeepAlive() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

KeepAlive::Use::~Use() {
  owner_.last_use_ = Clock::now();
  const bool first = !owner_.used_;
  owner_.used_ = true;
  lock_.unlock();
  if (first) owner_.changed_.notify_all();
}

void KeepAlive::run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (!used_) {
      changed_.wait(lock);
      continue;
    }
    if (Clock::now() - last_use_ >= keep_) {  // it may sleep now, until the next use
      used_ = false;
      continue;
    }
    const TimePoint due = std::max(last_use_, last_touch_) + interval_;
    if (Clock::now() < due) {
      changed_.wait_until(lock, std::min(due, last_use_ + keep_));
      continue;
    }
    touch_();
    last_touch_ = Clock::now();
  }
}

}  // namespace anynpu::engine
