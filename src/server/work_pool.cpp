// SPDX-License-Identifier: Apache-2.0
// Two queues, one lock: finishing what was accepted goes before starting what is new.
#include "server/work_pool.h"

#include <algorithm>
#include <exception>

#include <sys/prctl.h>

#include "base/log.h"

namespace anynpu::server {

WorkPool::WorkPool(int threads, std::size_t waiting_limit) : waiting_limit_(waiting_limit) {
  for (int i = 0; i < std::max(1, threads); ++i) threads_.emplace_back([this] { work(); });
}

WorkPool::~WorkPool() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

Result<> WorkPool::post(Work work, std::function<void()> job) {
  {
    std::lock_guard lock(mutex_);
    if (work == Work::kStart && start_.size() >= waiting_limit_)
      return Error{Code::kBusy, "too many pictures wait to be decoded"}.with_hint(
          "try again in a moment");
    (work == Work::kStart ? start_ : finish_).push_back(std::move(job));
  }
  changed_.notify_one();
  return {};
}

asio::awaitable<Result<>> WorkPool::run(Work work, const std::function<void()>& job) {
  std::function<void(std::function<void(Result<>)>)> start =
      [this, work, &job](const std::function<void(Result<>)>& done) {
        Result<> posted = post(work, [&job, done] {
          Result<> result;
          try {
            job();
          } catch (const std::exception& problem) {
            result = Error{Code::kInternal, problem.what()};
          }
          done(std::move(result));
        });
        if (!posted) done(std::move(posted));
      };
  co_return co_await await_callback<Result<>>(std::move(start));
}

std::size_t WorkPool::waiting() const {
  std::lock_guard lock(mutex_);
  return start_.size() + finish_.size();
}

void WorkPool::work() {
  ::prctl(PR_SET_NAME, "anynpu-pool");
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !start_.empty() || !finish_.empty(); });
    std::deque<std::function<void()>>& queue = finish_.empty() ? start_ : finish_;
    if (queue.empty()) return;
    std::function<void()> job = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    try {
      job();
    } catch (const std::exception& problem) {  // the other jobs go on
      log::error("a job has failed: {}", problem.what());
    }
    job = nullptr;  // what it holds is let go before the next one is waited for
    lock.lock();
  }
}

}  // namespace anynpu::server
