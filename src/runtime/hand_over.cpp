// SPDX-License-Identifier: Apache-2.0
// Confines threads to processors, and lets them go.
#include "runtime/hand_over.h"

#include <array>

#include <sched.h>
#include <unistd.h>

#include "host/processors.h"
#include "host/running_machine.h"

namespace anynpu::runtime {
namespace {

// How long it may take until somebody who confines our threads himself is noticed.
constexpr auto kBelieved = seconds(1);

thread_local int own_processor = -1;

/// How many processors there are, if it makes no difference which one a thread runs on; else 0.
int alike_processors() {
  static const int count = [] {
    const auto online = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
    return online > 1 && online <= CPU_SETSIZE &&
                   host::processors_are_alike(*host::machine_of_this_process())
               ? online
               : 0;
  }();
  return count;
}

bool may_run_anywhere(pid_t thread) {
  cpu_set_t allowed;
  const int all = alike_processors();
  return all > 0 && ::sched_getaffinity(thread, sizeof allowed, &allowed) == 0 &&
         CPU_COUNT(&allowed) == all;
}

/// Of the calling thread.
bool is_only(int processor) {
  cpu_set_t allowed;
  return ::sched_getaffinity(0, sizeof allowed, &allowed) == 0 && CPU_COUNT(&allowed) == 1 &&
         CPU_ISSET(static_cast<std::size_t>(processor), &allowed);
}

bool confine(pid_t thread, int processor) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(static_cast<std::size_t>(processor), &only);
  return ::sched_setaffinity(thread, sizeof only, &only) == 0;
}

}  // namespace

std::optional<int> confined_to() {
  return own_processor < 0 ? std::nullopt : std::optional(own_processor);
}

bool confine_beside(pid_t thread) {
  struct Belief {
    pid_t thread = -1;
    bool may = false;
    TimePoint looked;
  };
  thread_local std::array<Belief, 4> beliefs;  // a lane has two: its worker and a loop
  if (own_processor < 0) return false;
  Belief& belief = beliefs[static_cast<std::size_t>(thread) % beliefs.size()];
  if (belief.thread != thread || Clock::now() - belief.looked > kBelieved)
    belief = {thread, may_run_anywhere(thread), Clock::now()};
  return belief.may && confine(thread, own_processor);
}

void run_anywhere() {
  cpu_set_t every;
  CPU_ZERO(&every);
  for (std::size_t i = 0; i < CPU_SETSIZE; ++i) CPU_SET(i, &every);
  ::sched_setaffinity(0, sizeof every, &every);
  own_processor = -1;
}

std::atomic<int> HandOver::Run::under_way_ = 0;

void HandOver::end() {
  if (own_processor >= 0) run_anywhere();
}

void HandOver::move_to(int processor) {
  if (own_processor == processor && Clock::now() - looked_ < kBelieved) return;
  looked_ = Clock::now();
  if (own_processor >= 0 ? !is_only(own_processor) : !may_run_anywhere(0))
    own_processor = -1;  // somebody else has said where this thread may run
  else if (confine(0, processor))
    own_processor = processor;
}

HandOver::Run::Run(HandOver& hand_over, const Worker& worker) {
  const bool alone = under_way_++ == 0 && worker.pid() > 0 && alike_processors() > 0;
  const int best = alone ? worker.processor().value_or(::sched_getcpu()) : -1;
  if (best >= 0 && best < CPU_SETSIZE)
    hand_over.move_to(best);
  else
    hand_over.end();
}

}  // namespace anynpu::runtime
