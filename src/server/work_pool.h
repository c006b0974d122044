// SPDX-License-Identifier: Apache-2.0
// WorkPool: a few threads for work that would hold up the event loops, such as decoding a picture.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"
#include "server/asio.h"

namespace anynpu::server {

enum class Work {
  kStart,   // of a request; refused when too many wait
  kFinish,  // of a request that was accepted; goes first and is never refused
};

class WorkPool {
 public:
  /// `waiting_limit`: jobs of Work::kStart that may wait for a thread.
  WorkPool(int threads, std::size_t waiting_limit);
  /// Runs what waits to its end.
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  /// Code::kBusy when too many wait: then `job` is not called.
  Result<> post(Work work, std::function<void()> job);

  /// Suspends the coroutine until `job` has run. What `job` refers to must live until then.
  asio::awaitable<Result<>> run(Work work, const std::function<void()>& job);

  std::size_t waiting() const;

 private:
  void work();

  const std::size_t waiting_limit_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> start_;
  std::deque<std::function<void()>> finish_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace anynpu::server
