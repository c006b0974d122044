// SPDX-License-Identifier: Apache-2.0
// Queue: the requests of one model, and the lanes that answer them.
//
// One lock guards the queue and the state of all lanes. Lanes have ranks: rank 0 is the serving
// placement, rank 1 its first fallback, and so on. A request goes to the lowest rank that is up and
// has not failed it, so a fallback worker never competes with a healthy serving one; when all that
// are up have failed it, to the lowest again.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/job.h"

namespace anynpu::runtime {

enum class LaneState { kCold, kStarting, kReady, kBusy, kPaused, kQuarantined, kStopped };
std::string_view to_string(LaneState state);

/// What wakes lanes. Shared, so that it can be done after the lock is let go: a lane that is woken
/// under the lock goes to sleep again at once, to wait for it.
using Wakes = std::vector<std::shared_ptr<std::condition_variable>>;

/// What the queue knows of a lane; the rest is the lane's own.
struct LaneSeat {
  std::size_t rank = 0;
  bool idle = false;
  LaneState state = LaneState::kStarting;
  int consecutive_failures = 0;
  std::string last_error;
  std::vector<JobPtr> running;
  std::shared_ptr<std::condition_variable> wake = std::make_shared<std::condition_variable>();

  bool up() const { return state == LaneState::kReady || state == LaneState::kBusy; }
};

class Queue {
 public:
  explicit Queue(std::size_t limit) : limit_(limit) {}

  std::mutex mutex;  // guards everything here and in the seats

  // All of these under the lock.
  void add_seat(LaneSeat* seat) { seats_.push_back(seat); }
  void remove_seat(LaneSeat* seat) { std::erase(seats_, seat); }
  void remove_seats() { seats_.clear(); }
  /// Whom to wake is added to `wakes`.
  Result<> accept(JobPtr job, Wakes& wakes);
  /// Gives a failed request back: it goes to the head, for the next placement. False when it has
  /// had its tries; it must then be answered with its last error.
  bool give_back(const JobPtr& job, std::size_t rank, bool worker_lost);
  /// The oldest requests that a lane of that rank may answer together, at most `most`. One that has
  /// failed before is alone: it may be the cause.
  std::vector<JobPtr> take(std::size_t rank, int most);
  /// Every request that must be answered now without a run: past its deadline, or cancelled. Those
  /// that wait leave the queue; those that run stay where they are.
  std::vector<JobPtr> take_expired(TimePoint now);
  /// Everything that waits, for the end of a drain.
  std::vector<JobPtr> take_all();
  /// The next deadline of anything that waits or runs.
  TimePoint next_deadline(TimePoint otherwise) const;
  /// Wakes idle lanes that could take something; after a change of a lane's state.
  void wake_lanes();
  /// Wakes every lane, whatever there is to do.
  void wake_all();
  /// All lanes below `rank` have failed more than once in a row: a cold lane has to start.
  bool lower_ranks_fail(std::size_t rank) const;
  /// Why rank 0 does not answer now.
  std::string why_down() const;

  std::size_t waiting() const { return jobs_.size(); }
  /// A request that came now would be taken at once.
  bool idle() const;
  bool accepting = true;
  bool stopping = false;

 private:
  bool eligible(std::size_t rank, const Job& job) const;
  /// Idle lanes that could take something; they are counted as busy from now on.
  void find_idle(Wakes& wakes);
  /// The best rank that is up and not in `without`, a set of bits.
  std::optional<std::size_t> lowest_up(std::uint64_t without) const;

  std::size_t limit_;
  std::deque<JobPtr> jobs_;
  std::vector<LaneSeat*> seats_;
};

}  // namespace anynpu::runtime
