// SPDX-License-Identifier: Apache-2.0
// Lane: one worker and the thread that feeds it.
//
// A lane takes requests from the queue, runs them, and looks after its worker: when it is lost, the
// requests go back first, then the worker is ended, and after a pause that grows with every failure
// in a row a new one is started, which must agree with the canary before it serves.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "runtime/canary.h"
#include "runtime/choose.h"
#include "runtime/queue.h"
#include "runtime/worker.h"

namespace anynpu::runtime {

/// What all lanes of a model share. Outlives them.
struct LaneShared {
  Queue& queue;
  const model::Package& package;
  const InputSource& canary;
  const ServeOptions& options;
  Counters& counters;  // under the queue's lock
};

class Lane {
 public:
  /// `cold`: starts its worker only when all lower ranks fail. `first`: a worker that is ready now.
  Lane(LaneShared shared, std::size_t rank, const Candidate& candidate,
       std::vector<engine::Tensor> canary_outputs, bool cold, std::unique_ptr<Worker> first);
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// Waits for the lane's thread, which ends when the queue is stopping. Every lane must be joined
  /// before the first one is destroyed, because they wake each other.
  void join() { thread_.join(); }

  /// Under the queue's lock.
  InstanceStatus status() const;
  bool idle_and_dead();
  pid_t pid() const { return pid_; }
  LaneSeat& seat() { return seat_; }

 private:
  void loop();
  Result<> start();
  /// Waits a moment for more requests to run with those taken.
  void fill_batch(std::unique_lock<std::mutex>& lock, std::vector<JobPtr>& jobs);
  void serve(std::unique_lock<std::mutex>& lock, std::vector<JobPtr> jobs);
  void run_jobs(std::unique_lock<std::mutex>& lock, const std::vector<JobPtr>& jobs);
  void hand_over(std::unique_lock<std::mutex>& lock, const std::vector<JobPtr>& jobs,
                 const Error& error, bool lost);
  void lose_worker(std::unique_lock<std::mutex>& lock, std::string why, bool hangs);
  TimePoint give_up(std::size_t batch) const;

  LaneShared shared_;
  Placement placement_;
  double median_ms_;
  std::vector<engine::Tensor> canary_outputs_;
  bool cold_;
  LaneSeat seat_;

  // Of the lane's thread; `pid_` and the counts under the lock.
  std::unique_ptr<Worker> worker_;
  BatchRule rule_;
  TimePoint not_before_ = {};
  TimePoint up_since_ = {};
  pid_t pid_ = 0;
  std::uint64_t served_ = 0;
  std::uint64_t restarts_ = 0;

  std::thread thread_;
};

/// Calls `done` unless somebody has. Never under the lock.
void answer(const JobPtr& job, Result<Reply> result, Queue& queue, Counters& counters);

}  // namespace anynpu::runtime
