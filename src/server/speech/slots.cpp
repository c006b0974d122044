// SPDX-License-Identifier: Apache-2.0
// Tickets in the order of their numbers.
#include "server/speech/slots.h"

namespace anynpu::server {

bool Slots::enter(const std::function<bool()>& stop) {
  std::unique_lock lock(mutex_);
  const std::uint64_t ticket = next_++;
  queue_.insert(ticket);
  changed_.wait(lock, [&] { return stop() || (free_ > 0 && *queue_.begin() == ticket); });
  queue_.erase(ticket);
  const bool stopped = stop();
  if (!stopped) --free_;
  changed_.notify_all();
  return !stopped;
}

void Slots::leave() {
  {
    std::lock_guard lock(mutex_);
    ++free_;
  }
  changed_.notify_all();
}

void Slots::wake() {
  { std::lock_guard lock(mutex_); }
  changed_.notify_all();
}

std::size_t Slots::waiting() const {
  std::lock_guard lock(mutex_);
  return queue_.size();
}

}  // namespace anynpu::server
