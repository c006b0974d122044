// SPDX-License-Identifier: Apache-2.0
// Lane: one worker and the thread that feeds it.
//
// A lane takes requests from the queue, runs them, and looks after its worker: when it is lost, the
// requests go back first, then the worker is ended, and after a pause that grows with every failure
// in a row a new one is started, which must agree with the canary before it serves. On an NPU the
// device's circuit (runtime/quarantine.h) decides when that may be. An answer that is suspect is
// given only after the canary and a second run have confirmed it, and one that comes a while after
// the last look at the canary only after another look.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "runtime/canary.h"
#include "runtime/choose.h"
#include "runtime/hand_over.h"
#include "runtime/kernel_watch.h"
#include "runtime/quarantine.h"
#include "runtime/queue.h"
#include "runtime/recent_answers.h"
#include "runtime/worker.h"

namespace anynpu::runtime {

/// What all lanes of a model share. Outlives them.
struct LaneShared {
  Queue& queue;
  const model::Package& package;
  const InputSource& canary;
  const ServeOptions& options;
  Counters& counters;  // under the queue's lock
  Quarantine& quarantine;
  StopFlag stop = nullptr;  // set when workers that are being started are not wanted any more
};

/// How long a worker of the CPU is left alone after so many failures in a row. What crashed may be
/// back at once; what cannot even be started (its artifact was deleted) is asked less and less.
Duration pause_after(int failures, bool crashed);

class Lane {
 public:
  /// `cold`: starts its worker only when all lower ranks fail; the trial's worker is not used then.
  Lane(const LaneShared& shared, std::size_t rank, Trial trial, bool cold);
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// Waits for the lane's thread, which ends when the queue is stopping. Every lane must be joined
  /// before the first one is destroyed, because they wake each other.
  void join() { thread_.join(); }

  /// Under the queue's lock.
  InstanceStatus status() const;
  bool idle_and_dead();
  bool idle_in_quarantine();
  const Placement& placement() const { return placement_; }
  pid_t pid() const { return pid_; }
  LaneSeat& seat() { return seat_; }

 private:
  void loop();
  void step(std::unique_lock<std::mutex>& lock);
  /// After an exception: nobody who waits is forgotten.
  void survive(std::unique_lock<std::mutex>& lock, const std::exception& problem);
  void bring_up(std::unique_lock<std::mutex>& lock);
  Result<> start();
  /// How requests are run together.
  BatchRule rule_for(const Worker& worker) const;
  /// Nothing, when no worker may be started now; then it has waited a while.
  std::optional<Quarantine::Pass> permit(std::unique_lock<std::mutex>& lock);
  /// Ends the worker, which has not failed.
  void retire(std::unique_lock<std::mutex>& lock);
  /// Both canaries on an NPU, one on the CPU; each run may take `limit`.
  Result<> check_canary(Worker& worker, const BatchRule& rule, Duration limit);
  /// One canary, in so many places of a batch.
  Result<> run_canary(Worker& worker, const BatchRule& rule, Duration limit, bool second,
                      std::size_t places);
  Result<> check_answer(const std::vector<engine::Tensor>& outputs, bool second);
  bool look_is_due() const;
  /// At one canary, the other one than the last time, before an answer is given.
  Result<> look();
  /// Whether the outputs of a run, which had time until `until`, may be given. A second run of
  /// these sources may take `run_limit`, if that is more than the usual.
  Result<> believe(const std::vector<const InputSource*>& sources, const BatchOutput& ran,
                   TimePoint until, Duration run_limit);
  /// Waits a moment for more requests to run with those taken.
  void fill_batch(std::unique_lock<std::mutex>& lock, std::vector<JobPtr>& jobs);
  void serve(std::unique_lock<std::mutex>& lock, std::vector<JobPtr> jobs);
  /// Why the worker is lost, if it is; the requests have then been handed over.
  struct Loss {
    std::string why;
    bool hangs = false;
  };
  std::optional<Loss> run_jobs(std::unique_lock<std::mutex>& lock, const std::vector<JobPtr>& jobs);
  std::optional<Loss> run_one_by_one(std::unique_lock<std::mutex>& lock,
                                     const std::vector<JobPtr>& jobs);
  tl::expected<BatchOutput, RunFailure> run(const std::vector<const InputSource*>& sources,
                                            TimePoint until);
  void hand_over(std::unique_lock<std::mutex>& lock, const std::vector<JobPtr>& jobs,
                 const Error& error, bool lost);
  void lose_worker(std::unique_lock<std::mutex>& lock, const Loss& loss, bool crashed = true);
  TimePoint give_up(std::size_t batch, Duration run_limit) const;
  Duration patience(std::size_t batch) const;

  LaneShared shared_;
  Placement placement_;
  double median_ms_;
  bool batches_;  // where the artifact leaves the choice
  const ReversedSource second_canary_;
  std::vector<engine::Tensor> canary_outputs_, second_outputs_;
  bool own_outputs_;  // they are what this placement answered before, not only the reference's
  bool cold_;
  LaneSeat seat_;

  // Of the lane's thread; `pid_` and the counts under the lock.
  std::unique_ptr<Worker> worker_;
  HandOver hand_over_;
  BatchRule rule_;
  TimePoint not_before_ = {};
  TimePoint up_since_ = {};
  pid_t pid_ = 0;
  std::uint64_t served_ = 0;
  std::uint64_t restarts_ = 0;
  std::uint64_t recycled_ = 0;
  std::uint64_t runs_since_canary_ = 0;
  TimePoint canary_at_ = {};
  bool second_is_next_ = true;
  RecentAnswers recent_;
  bool worn_ = false;
  bool answered_ = false;  // just now
  std::string note_;
  KernelWatch kernel_;

  std::thread thread_;
};

/// Calls `done` unless somebody has. Never under the lock.
void answer(const JobPtr& job, Result<Reply> result, Queue& queue, Counters& counters);

}  // namespace anynpu::runtime
