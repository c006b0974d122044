// SPDX-License-Identifier: Apache-2.0
// HandOver: the way of a request from thread to thread, while it is the only one.
//
// A thread that is woken starts on another processor, if one is idle, and an idle one has to be
// woken itself: 50 to 150 µs on a virtual machine, at every step. But who wakes the next thread of
// a request falls asleep at once, and its processor is free within a few µs, with the request's
// data in its caches. The scheduler cannot know that. It is told by confining the next thread to
// the processor (sched_setaffinity(2)), a worker only until it has begun.
//
// That is done where it can do no harm: the processors are alike, a thread may run on all of them
// (nobody has confined it otherwise), and no other run is under way that may want this one.
#pragma once

#include <atomic>
#include <optional>

#include <sys/types.h>

#include "base/clock.h"
#include "runtime/worker.h"

namespace anynpu::runtime {

/// The processor that HandOver has confined the calling thread to.
std::optional<int> confined_to();
/// Confines a thread, also another process's, to where the calling one is confined to; it has to
/// call run_anywhere(). False, and nothing is changed, where the calling one is not, or that may do
/// harm.
bool confine_beside(pid_t thread);
void run_anywhere();

/// Of a thread that feeds a worker. It is confined to the processor where its worker ran last for
/// as long as its runs are the only ones of this process.
class HandOver {
 public:
  /// What this thread starts may run anywhere again.
  void end();

  /// One run, with all that the thread does for it.
  class Run {
   public:
    Run(HandOver& hand_over, const Worker& worker);
    ~Run() { --under_way_; }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

   private:
    static std::atomic<int> under_way_;
  };

 private:
  void move_to(int processor);

  TimePoint looked_ = {};
};

}  // namespace anynpu::runtime
