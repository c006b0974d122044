// SPDX-License-Identifier: Apache-2.0
// The requests of one model, and which lane may take which.
#include "runtime/queue.h"

#include <algorithm>

#include <fmt/format.h>

namespace anynpu::runtime {
namespace {

// A request that ends worker after worker is itself the likely cause, and must not go on doing so.
constexpr int kMostFailures = 8;

}  // namespace

std::string_view to_string(LaneState state) {
  switch (state) {
    case LaneState::kCold:
      return "cold";
    case LaneState::kStarting:
      return "starting";
    case LaneState::kReady:
      return "ready";
    case LaneState::kBusy:
      return "busy";
    case LaneState::kPaused:
      return "paused";
    case LaneState::kQuarantined:
      return "quarantined";
    case LaneState::kStopped:
      return "stopped";
  }
  return "stopped";
}

Result<> Queue::accept(JobPtr job, Wakes& wakes) {
  if (!accepting)
    return Error{Code::kCancelled, "the server is stopping and takes no more requests"};
  if (jobs_.size() >= limit_)
    return Error{Code::kBusy, fmt::format("the queue is full: {} requests wait", jobs_.size())}
        .with_hint("try again later");
  jobs_.push_back(std::move(job));
  find_idle(wakes);
  return {};
}

bool Queue::give_back(const JobPtr& job, std::size_t rank, bool worker_lost) {
  const std::uint64_t failed = std::uint64_t{1} << rank;
  job->tried |= failed;
  if (++job->failures >= kMostFailures) return false;
  if (!lowest_up(job->tried)) {
    if (!worker_lost) return false;  // every engine refuses it: asking again changes nothing
    job->tried = failed;             // a new round, not with the one that has just failed
  }
  jobs_.push_front(job);
  wake_lanes();
  return true;
}

std::vector<JobPtr> Queue::take(std::size_t rank, int most) {
  std::vector<JobPtr> taken;
  for (auto it = jobs_.begin(); it != jobs_.end() && static_cast<int>(taken.size()) < most;) {
    const bool alone = (*it)->failures > 0;
    if ((*it)->cancelled() || !eligible(rank, **it) || (alone && !taken.empty())) {
      ++it;
      continue;
    }
    taken.push_back(std::move(*it));
    it = jobs_.erase(it);
    if (alone) break;
  }
  return taken;
}

std::vector<JobPtr> Queue::take_expired(TimePoint now) {
  std::vector<JobPtr> expired;
  std::erase_if(jobs_, [&](JobPtr& job) {
    bool over = job->request.deadline <= now || job->cancelled();
    if (over) expired.push_back(job);
    return over;
  });
  for (LaneSeat* seat : seats_)
    for (const JobPtr& job : seat->running)
      if (job->request.deadline <= now && !job->answered) expired.push_back(job);
  return expired;
}

std::vector<JobPtr> Queue::take_all() {
  std::vector<JobPtr> all(jobs_.begin(), jobs_.end());
  jobs_.clear();
  return all;
}

TimePoint Queue::next_deadline(TimePoint otherwise) const {
  TimePoint next = otherwise;
  for (const JobPtr& job : jobs_) next = std::min(next, job->request.deadline);
  for (const LaneSeat* seat : seats_)
    for (const JobPtr& job : seat->running)
      if (!job->answered) next = std::min(next, job->request.deadline);
  return next;
}

void Queue::wake_lanes() {
  Wakes wakes;
  find_idle(wakes);
  for (const auto& wake : wakes) wake->notify_one();
}

void Queue::find_idle(Wakes& wakes) {
  for (const JobPtr& job : jobs_) {
    auto idle = std::find_if(seats_.begin(), seats_.end(), [&](LaneSeat* seat) {
      return seat->idle && eligible(seat->rank, *job);
    });
    if (idle == seats_.end()) continue;
    (*idle)->idle = false;
    wakes.push_back((*idle)->wake);
  }
}

void Queue::wake_all() {
  for (LaneSeat* seat : seats_) seat->wake->notify_one();
}

bool Queue::idle() const {
  const std::optional<std::size_t> next = lowest_up(0);
  return jobs_.empty() && std::any_of(seats_.begin(), seats_.end(), [&](const LaneSeat* seat) {
           return seat->idle && seat->rank == next;
         });
}

bool Queue::lower_ranks_fail(std::size_t rank) const {
  return std::all_of(seats_.begin(), seats_.end(), [&](const LaneSeat* seat) {
    return seat->rank >= rank || (!seat->up() && (seat->consecutive_failures > 1 ||
                                                  seat->state == LaneState::kQuarantined));
  });
}

std::string Queue::why_down() const {
  for (const LaneSeat* seat : seats_)
    if (seat->rank == 0 && !seat->last_error.empty()) return seat->last_error;
  return "the serving placement is not up";
}

bool Queue::eligible(std::size_t rank, const Job& job) const {
  std::optional<std::size_t> next = lowest_up(job.tried);
  if (!next) next = lowest_up(0);
  return next == rank;
}

std::optional<std::size_t> Queue::lowest_up(std::uint64_t without) const {
  std::optional<std::size_t> lowest;
  for (const LaneSeat* seat : seats_)
    if (seat->up() && (without >> seat->rank & 1) == 0 && (!lowest || seat->rank < *lowest))
      lowest = seat->rank;
  return lowest;
}

}  // namespace anynpu::runtime
