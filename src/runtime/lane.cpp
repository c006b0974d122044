// SPDX-License-Identifier: Apache-2.0
// One worker and the thread that feeds it.
#include "runtime/lane.h"

#include <algorithm>

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>

#include "base/log.h"

namespace anynpu::runtime {
namespace {

constexpr double kHangMedians = 50;
constexpr double kSameOutputs = 0.999;
constexpr auto kFirstPause = milliseconds(100);
constexpr auto kLongestPause =
    seconds(30);  // a device in a bad state is not hammered with restarts
constexpr auto kLongestCpuPause =
    milliseconds(500);                     // there is no device to spare, and requests may wait
constexpr auto kProvenAfter = seconds(5);  // a worker that lived so long did not fail at once

Duration pause_after(int failures, bool on_cpu) {
  if (failures <= 1) return Duration::zero();
  return std::min<Duration>(on_cpu ? Duration(kLongestCpuPause) : Duration(kLongestPause),
                            kFirstPause * (1 << std::min(failures - 2, 12)));
}

}  // namespace

void answer(const JobPtr& job, Result<Reply> result, Queue& queue, Counters& counters) {
  if (job->answered.exchange(true)) return;
  {
    std::lock_guard lock(queue.mutex);
    --counters.in_flight;
    if (result) {
      ++counters.answered;
      if (result->fallback) ++counters.fallbacks;
    } else if (result.error().code == Code::kCancelled) {
      ++counters.cancelled;
    } else {
      ++counters.failed;
    }
  }
  job->done(std::move(result));
}

Lane::Lane(LaneShared shared, std::size_t rank, const Candidate& candidate,
           std::vector<engine::Tensor> canary_outputs, bool cold, std::unique_ptr<Worker> first)
    : shared_(shared),
      placement_(candidate.placement),
      median_ms_(candidate.measured ? candidate.measured->median_ms : 0),
      canary_outputs_(std::move(canary_outputs)),
      cold_(cold),
      worker_(std::move(first)) {
  seat_.rank = rank;
  if (worker_) {
    rule_ = batch_rule(placement_.artifact, worker_->session());
    pid_ = worker_->pid();
    up_since_ = Clock::now();
    seat_.state = LaneState::kReady;
  }
  {
    std::lock_guard lock(shared_.queue.mutex);
    shared_.queue.add_seat(&seat_);
  }
  thread_ = std::thread([this] { loop(); });
}

InstanceStatus Lane::status() const {
  return {placement_.id(), std::string(to_string(seat_.state)), pid_, served_, restarts_,
          seat_.last_error};
}

bool Lane::idle_and_dead() {
  return seat_.idle && worker_ && !worker_->alive();
}

void Lane::loop() {
  ::prctl(PR_SET_NAME, "anynpu-lane");
  Queue& queue = shared_.queue;
  std::unique_lock lock(queue.mutex);
  while (!queue.stopping) {
    if (!worker_) {
      if (cold_ && !queue.lower_ranks_fail(seat_.rank)) {
        seat_.state = LaneState::kCold;
        seat_.wake.wait(lock);
        continue;
      }
      if (Clock::now() < not_before_) {
        seat_.state = LaneState::kPaused;
        seat_.wake.wait_until(lock, not_before_);
        continue;
      }
      seat_.state = LaneState::kStarting;
      lock.unlock();
      Result<> started = start();
      lock.lock();
      if (!started) {
        lose_worker(lock, started.error().message, false);
        continue;
      }
      seat_.state = LaneState::kReady;
      queue.wake_lanes();
      continue;  // the queue may have been stopped meanwhile
    }
    // A worker that died in its sleep must not cost a request.
    if (!worker_->alive()) {
      lose_worker(lock, "the worker " + worker_->obituary(), false);
      continue;
    }
    std::vector<JobPtr> jobs = queue.take(seat_.rank, rule_.most);
    if (jobs.empty()) {
      seat_.state = LaneState::kReady;
      seat_.idle = true;
      seat_.wake.wait(lock);
      seat_.idle = false;
      continue;
    }
    serve(lock, std::move(jobs));
  }
  seat_.state = LaneState::kStopped;
  lock.unlock();
  if (worker_) worker_->end(false);
}

Result<> Lane::start() {
  ANYNPU_TRY(worker, start_worker(placement_, shared_.options.isolated, Clock::now() + kLoadLimit));
  const InputSource* sources[] = {&shared_.canary};
  BatchRule rule = batch_rule(placement_.artifact, worker->session());
  auto ran =
      run_batch(*worker, sources, rule, Clock::now() + shared_.options.hang_limit + seconds(5));
  Error problem;
  if (!ran) {
    problem = ran.error().error;
    if (problem.code == Code::kCrashed)
      problem.message = "on the canary, the worker " + worker->obituary();
  } else if (auto agreement = compare(shared_.package, canary_outputs_, ran->outputs[0]);
             !agreement) {
    problem = agreement.error();
  } else if (agreement->cosine < kSameOutputs) {
    problem = Error{
        Code::kDevice,
        fmt::format("answers the canary otherwise than before: cosine {:.4f}", agreement->cosine)};
  } else {
    std::lock_guard lock(shared_.queue.mutex);
    worker_ = std::move(worker);
    rule_ = rule;
    pid_ = worker_->pid();
    up_since_ = Clock::now();
    return {};
  }
  worker->end(problem.code == Code::kTimeout);
  return problem;
}

void Lane::fill_batch(std::unique_lock<std::mutex>& lock, std::vector<JobPtr>& jobs) {
  const Duration wait = shared_.options.batch_wait;
  if (wait == Duration::zero()) return;
  TimePoint until = std::min(Clock::now() + wait, jobs[0]->request.deadline);
  while (static_cast<int>(jobs.size()) < rule_.most && Clock::now() < until &&
         !shared_.queue.stopping) {
    seat_.idle = true;
    seat_.wake.wait_until(lock, until);
    seat_.idle = false;
    for (JobPtr& job : shared_.queue.take(seat_.rank, rule_.most - static_cast<int>(jobs.size())))
      jobs.push_back(std::move(job));
  }
}

void Lane::serve(std::unique_lock<std::mutex>& lock, std::vector<JobPtr> jobs) {
  seat_.state = LaneState::kBusy;
  seat_.running = jobs;
  if (static_cast<int>(jobs.size()) < rule_.most) {
    fill_batch(lock, jobs);
    seat_.running = jobs;
  }
  run_jobs(lock, jobs);
  if (!lock.owns_lock()) lock.lock();
  seat_.running.clear();
  if (worker_) seat_.state = LaneState::kReady;
}

void Lane::run_jobs(std::unique_lock<std::mutex>& lock, const std::vector<JobPtr>& jobs) {
  TimePoint start = Clock::now();
  std::string down = seat_.rank > 0 ? shared_.queue.why_down() : "";
  lock.unlock();
  std::vector<const InputSource*> sources;
  for (const JobPtr& job : jobs) sources.push_back(job->request.input.get());
  auto ran = run_batch(*worker_, sources, rule_, give_up(jobs.size()));
  if (!ran && ran.error().input_error && jobs.size() > 1) {
    // One bad input must not spoil the others' answers: each on its own.
    for (const JobPtr& job : jobs) {
      if (!lock.owns_lock()) lock.lock();
      if (!worker_) {
        hand_over(lock, {job}, Error{Code::kCrashed, seat_.last_error}, true);
        continue;
      }
      run_jobs(lock, {job});
    }
    return;
  }
  if (!ran && ran.error().input_error) {
    answer(jobs[0], ran.error().error, shared_.queue, shared_.counters);
    return;
  }
  if (!ran) {
    Error error = ran.error().error;
    const bool lost = error.code == Code::kCrashed || error.code == Code::kTimeout;
    if (error.code == Code::kCrashed) error.message = "the worker " + worker_->obituary();
    if (error.code == Code::kTimeout)
      error.message = fmt::format("the worker did not answer within {:.0f} ms", ms_since(start));
    error.message = placement_.id() + ": " + error.message;
    lock.lock();
    hand_over(lock, jobs, error, lost);
    if (lost) {
      lose_worker(lock, error.message, error.code == Code::kTimeout);
    } else {
      seat_.last_error = error.message;
    }
    return;
  }
  lock.lock();
  ++shared_.counters.batches;
  served_ += jobs.size();
  seat_.consecutive_failures = 0;
  lock.unlock();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    Reply reply;
    reply.outputs = std::move(ran->outputs[i]);
    reply.device = placement_.device;
    reply.engine = placement_.engine_title();
    reply.artifact = placement_.artifact.file;
    if (!jobs[i]->first_failure.empty())
      reply.fallback = jobs[i]->first_failure;
    else if (seat_.rank > 0)
      reply.fallback = down;
    reply.attempts = jobs[i]->failures + 1;
    reply.batch = static_cast<int>(jobs.size());
    reply.queue_ms = to_ms(start - jobs[i]->accepted);
    reply.infer_ms = ran->infer_ms;
    answer(jobs[i], std::move(reply), shared_.queue, shared_.counters);
  }
}

void Lane::hand_over(std::unique_lock<std::mutex>& lock, const std::vector<JobPtr>& jobs,
                     const Error& error, bool lost) {
  // The worker is not up any more, so that others may take what it leaves.
  if (lost) seat_.state = LaneState::kStarting;
  seat_.last_error = error.message;
  std::vector<JobPtr> spent;
  for (auto job = jobs.rbegin(); job != jobs.rend(); ++job) {
    if ((*job)->answered) continue;
    (*job)->last_error = error;
    if ((*job)->first_failure.empty()) (*job)->first_failure = error.message;
    if (!shared_.queue.give_back(*job, seat_.rank, lost)) spent.push_back(*job);
  }
  seat_.running.clear();
  lock.unlock();
  for (const JobPtr& job : spent) answer(job, job->last_error, shared_.queue, shared_.counters);
  lock.lock();
}

void Lane::lose_worker(std::unique_lock<std::mutex>& lock, std::string why, bool hangs) {
  if (worker_ && Clock::now() - up_since_ > kProvenAfter) seat_.consecutive_failures = 0;
  ++seat_.consecutive_failures;
  ++restarts_;
  ++shared_.counters.worker_restarts;
  seat_.last_error = std::move(why);
  seat_.state = LaneState::kStarting;
  Duration pause = pause_after(seat_.consecutive_failures, placement_.device == "cpu");
  not_before_ = Clock::now() + pause;
  log::warn("{} (restarting after {:.1f} s)", seat_.last_error, to_ms(pause) / 1000);
  std::unique_ptr<Worker> lost = std::move(worker_);
  pid_ = 0;
  shared_.queue.wake_lanes();
  if (shared_.queue.lower_ranks_fail(seat_.rank + 1)) shared_.queue.wake_all();
  if (!lost) return;
  lock.unlock();
  lost->end(hangs);
  lost.reset();
  lock.lock();
}

TimePoint Lane::give_up(std::size_t batch) const {
  auto slow = std::chrono::duration<double, std::milli>(kHangMedians * median_ms_ *
                                                        static_cast<double>(batch));
  return Clock::now() +
         std::max<Duration>(shared_.options.hang_limit, std::chrono::duration_cast<Duration>(slow));
}

}  // namespace anynpu::runtime
