// SPDX-License-Identifier: Apache-2.0
// Calls that may block for ever.
#include "host/bounded.h"

#include <thread>

#include <unistd.h>

namespace anynpu::host {
namespace {

constexpr int kMostLost = 8;

}  // namespace

Bounded::~Bounded() {
  if (!worker_ || process_ != ::getpid()) return;
  std::scoped_lock lock(worker_->mutex);
  worker_->stop = true;
  worker_->changed.notify_all();
}

void Bounded::start() {
  worker_ = std::make_shared<Worker>();
  process_ = ::getpid();
  std::thread([worker = worker_] {
    std::unique_lock lock(worker->mutex);
    while (true) {
      worker->changed.wait(lock, [&] { return worker->busy || worker->stop; });
      if (worker->stop) return;
      std::function<void()> call = std::move(worker->call);
      lock.unlock();
      call();
      call = nullptr;
      lock.lock();
      worker->busy = false;
      worker->changed.notify_all();
    }
  }).detach();
}

bool Bounded::run(std::function<void()> call) {
  std::scoped_lock one(one_at_a_time_);
  if (lost_ >= kMostLost) return false;
  // A worker of the process before a fork is only memory here, and its mutex may be held.
  if (worker_ && process_ != ::getpid()) new std::shared_ptr<Worker>(std::move(worker_));
  if (!worker_) start();
  std::unique_lock lock(worker_->mutex);
  worker_->call = std::move(call);
  worker_->busy = true;
  worker_->changed.notify_all();
  if (worker_->changed.wait_for(lock, limit_, [&] { return !worker_->busy; })) return true;
  ++lost_;
  worker_->stop = true;  // should it ever come back
  lock.unlock();
  worker_.reset();
  return false;
}

}  // namespace anynpu::host
