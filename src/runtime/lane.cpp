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

constexpr double kSameOutputs = 0.999;
constexpr double kDearCall = 0.2;  // of a run
constexpr auto kFirstPause = milliseconds(100);
constexpr auto kLongestCpuPause =
    milliseconds(500);  // there is no device to spare, and requests may wait
constexpr auto kLongestStartPause = seconds(30);
constexpr auto kBreath = milliseconds(100);  // after an exception
constexpr auto kLookAtCircuit = milliseconds(250);
constexpr auto kFirstRunTakes = seconds(5);  // longer than others: caches, clocks, firmware
constexpr double kMediansBetweenLooks = 20;  // so that looks cost a twentieth of the time at most
constexpr auto kProvenAfter = seconds(5);    // a worker that lived so long did not fail at once

// Whether a call costs so much beyond the engine's own time that running requests together pays. An
// engine makes a graph for every size of batch, with weights of its own, which takes longer than
// many calls and as much memory again.
bool is_dear(const std::optional<Measured>& measured) {
  return !measured ||
         measured->overhead_ms >= kDearCall * (measured->median_ms + measured->overhead_ms);
}

}  // namespace

Duration pause_after(int failures, bool crashed) {
  if (failures <= 1) return Duration::zero();
  const Duration longest = crashed ? Duration(kLongestCpuPause) : Duration(kLongestStartPause);
  return std::min<Duration>(longest, kFirstPause * (1 << std::min(failures - 2, 12)));
}

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
  try {
    job->done(std::move(result));
  } catch (const std::exception& problem) {
    log::error("an answer is lost: {}", problem.what());
  }
}

Lane::Lane(const LaneShared& shared, std::size_t rank, Trial trial, bool cold)
    : shared_(shared),
      placement_(trial.candidate.placement),
      median_ms_(trial.candidate.measured ? trial.candidate.measured->median_ms : 0),
      batches_(shared.options.batch_wait > Duration::zero() || is_dear(trial.candidate.measured)),
      second_canary_(shared.canary),
      canary_outputs_(std::move(trial.canary_outputs)),
      second_outputs_(std::move(trial.second_outputs)),
      own_outputs_(trial.candidate.measured.has_value()),
      cold_(cold),
      worker_(cold ? nullptr : std::move(trial.worker)),
      recent_(std::move(trial.recent)),
      kernel_(placement_.family, shared.options.kernel_log) {
  seat_.rank = rank;
  if (worker_) {
    worker_->obey(nullptr);  // it was started for a model that serves now
    rule_ = rule_for(*worker_);
    note_ = placement_.on_npu() ? worker_->session().note : "";
    pid_ = worker_->pid();
    up_since_ = canary_at_ = Clock::now();
    seat_.state = LaneState::kReady;
  } else if (placement_.on_npu()) {
    seat_.last_error = shared_.quarantine.reason(placement_.device);  // of the trial, or before it
  }
  {
    std::lock_guard lock(shared_.queue.mutex);
    shared_.queue.add_seat(&seat_);
  }
  try {
    thread_ = std::thread([this] { loop(); });
  } catch (...) {  // there is no room for another thread
    std::lock_guard lock(shared_.queue.mutex);
    shared_.queue.remove_seat(&seat_);
    throw;
  }
}

InstanceStatus Lane::status() const {
  return {placement_.id(),
          std::string(to_string(seat_.state)),
          pid_,
          served_,
          restarts_,
          seat_.last_error,
          recycled_,
          kernel_.blind()};
}

bool Lane::idle_and_dead() {
  return seat_.idle && worker_ && !worker_->alive();
}

bool Lane::idle_in_quarantine() {
  return seat_.idle && worker_ && placement_.on_npu() &&
         !shared_.quarantine.closed(placement_.device);
}

void Lane::loop() {
  ::prctl(PR_SET_NAME, "anynpu-lane");
  Queue& queue = shared_.queue;
  std::unique_lock lock(queue.mutex);
  while (!queue.stopping) {
    try {
      step(lock);
    } catch (const std::exception& problem) {
      survive(lock, problem);
    }
  }
  seat_.state = LaneState::kStopped;
  std::unique_ptr<Worker> last = std::move(worker_);
  lock.unlock();
  if (last) shared_.quarantine.end_worker(std::move(last), false, placement_);
}

void Lane::step(std::unique_lock<std::mutex>& lock) {
  if (!worker_) return bring_up(lock);
  // A worker that died in its sleep must not cost a request; one that has just answered is there.
  if (!answered_ && !worker_->alive())
    return lose_worker(lock, {"the worker " + worker_->obituary(Duration::zero())});
  if (placement_.on_npu()) {
    if (worn_) ++recycled_;
    if (worn_ || !shared_.quarantine.closed(placement_.device)) {
      seat_.state = worn_ ? LaneState::kStarting : LaneState::kQuarantined;
      return retire(lock);
    }
  }
  answered_ = false;
  std::vector<JobPtr> jobs = shared_.queue.take(seat_.rank, rule_.most);
  if (!jobs.empty()) return serve(lock, std::move(jobs));
  seat_.state = LaneState::kReady;
  seat_.idle = true;
  seat_.wake->wait(lock);
  seat_.idle = false;
}

void Lane::survive(std::unique_lock<std::mutex>& lock, const std::exception& problem) {
  if (!lock.owns_lock()) lock.lock();
  std::vector<JobPtr> left;
  left.swap(seat_.running);
  seat_.idle = false;
  if (worker_ && seat_.state == LaneState::kBusy) seat_.state = LaneState::kReady;
  lock.unlock();
  log::error("a lane of {} goes on after: {}", placement_.id(), problem.what());
  for (const JobPtr& job : left)
    answer(job, Error{Code::kInternal, problem.what()}, shared_.queue, shared_.counters);
  lock.lock();
  if (!shared_.queue.stopping) seat_.wake->wait_for(lock, kBreath);
}

void Lane::bring_up(std::unique_lock<std::mutex>& lock) {
  Queue& queue = shared_.queue;
  if (cold_ && !queue.lower_ranks_fail(seat_.rank)) {
    seat_.state = LaneState::kCold;
    seat_.wake->wait(lock);
    return;
  }
  const auto pass = permit(lock);
  if (!pass) return;
  const bool probe = *pass == Quarantine::Pass::kProbe;
  seat_.state = LaneState::kStarting;
  lock.unlock();
  hand_over_.end();  // a worker inherits where it may run
  Result<> started;
  try {
    started = start();
  } catch (const std::exception& problem) {
    started = Error{Code::kInternal, problem.what()};
  }
  if (started && probe) shared_.quarantine.succeeded(placement_.device);
  lock.lock();
  if (!started && probe && queue.stopping) shared_.quarantine.abandoned(placement_.device);
  if (!started) {
    const Code code = started.error().code;
    const bool crashed = code == Code::kCrashed || code == Code::kTimeout;
    return lose_worker(lock, {started.error().message}, crashed);
  }
  seat_.state = LaneState::kReady;
  queue.wake_lanes();
}

std::optional<Quarantine::Pass> Lane::permit(std::unique_lock<std::mutex>& lock) {
  if (!placement_.on_npu()) {
    if (Clock::now() >= not_before_) return Quarantine::Pass::kFree;
    seat_.state = LaneState::kPaused;
    seat_.wake->wait_until(lock, not_before_);
    return std::nullopt;
  }
  lock.unlock();  // it may look through all processes
  const Quarantine::Permit permit = shared_.quarantine.enter(placement_.device);
  lock.lock();
  if (permit.pass != Quarantine::Pass::kWait) return permit.pass;
  if (shared_.queue.stopping) return std::nullopt;  // nobody wakes this lane any more
  if (seat_.state != LaneState::kQuarantined) {
    seat_.state = LaneState::kQuarantined;
    shared_.queue.wake_lanes();
    if (shared_.queue.lower_ranks_fail(seat_.rank + 1)) shared_.queue.wake_all();
  }
  seat_.wake->wait_until(lock, std::min<TimePoint>(permit.again, Clock::now() + kLookAtCircuit));
  return std::nullopt;
}

void Lane::retire(std::unique_lock<std::mutex>& lock) {
  std::unique_ptr<Worker> worker = std::move(worker_);
  worn_ = false;
  pid_ = 0;
  shared_.queue.wake_lanes();
  lock.unlock();
  shared_.quarantine.end_worker(std::move(worker), false, placement_);
  lock.lock();
}

Result<> Lane::start() {
  ANYNPU_TRY(worker, start_worker(placement_, shared_.options.isolated, Clock::now() + kLoadLimit,
                                  shared_.stop, shared_.quarantine));
  const BatchRule rule = rule_for(*worker);
  recent_ = RecentAnswers();
  if (auto agrees = check_canary(*worker, rule, shared_.options.hang_limit + kFirstRunTakes);
      !agrees) {
    shared_.quarantine.end_worker(std::move(worker), must_be_ended(agrees.error()), placement_);
    return agrees;
  }
  worker->obey(nullptr);
  std::lock_guard lock(shared_.queue.mutex);
  worker_ = std::move(worker);
  rule_ = rule;
  note_ = placement_.on_npu() ? worker_->session().note : "";
  pid_ = worker_->pid();
  up_since_ = canary_at_ = Clock::now();
  runs_since_canary_ = 0;
  return {};
}

BatchRule Lane::rule_for(const Worker& worker) const {
  const BatchRule rule = batch_rule(placement_.artifact, worker.session());
  return rule.fixed || batches_ ? rule : BatchRule{};
}

Result<> Lane::check_canary(Worker& worker, const BatchRule& rule, Duration limit) {
  // On an NPU the second one first: what a stale device still holds is most often the answer to the
  // first one.
  if (placement_.on_npu()) ANYNPU_CHECK(run_canary(worker, rule, limit, true, 1));
  return run_canary(worker, rule, limit, false, 1);
}

Result<> Lane::run_canary(Worker& worker, const BatchRule& rule, Duration limit, bool second,
                          std::size_t places) {
  const std::vector<const InputSource*> sources(
      places, second ? static_cast<const InputSource*>(&second_canary_) : &shared_.canary);
  auto ran = run_batch(worker, sources, rule, Clock::now() + limit);
  if (!ran) {
    Error problem = ran.error().error;
    if (problem.code == Code::kCrashed)
      problem.message = "on the canary, the worker " +
                        worker.obituary(worker_ ? kObituaryPatience : kLongObituaryPatience);
    return problem;
  }
  recent_.doubt(ran->inputs, ran->outputs);  // to be remembered; the comparison says more
  if (second && second_outputs_.empty()) {
    if (!same_bytes(ran->outputs[0], canary_outputs_)) second_outputs_ = ran->outputs[0];
    return {};
  }
  for (const auto& outputs : ran->outputs) ANYNPU_CHECK(check_answer(outputs, second));
  if (second || own_outputs_) return {};
  canary_outputs_ = ran->outputs[0];
  own_outputs_ = true;
  return {};
}

Result<> Lane::check_answer(const std::vector<engine::Tensor>& outputs, bool second) {
  const auto& expected = second ? second_outputs_ : canary_outputs_;
  if (expected.empty()) return {};  // there is no reference to compare with
  ANYNPU_TRY(agreement, compare(shared_.package, expected, outputs));
  const double least = own_outputs_ ? kSameOutputs : placement_.artifact.min_cosine;
  if (agreement.cosine >= least) return {};
  return Error{Code::kDevice,
               fmt::format("answers the canary otherwise than {}: cosine {:.4f}",
                           own_outputs_ ? "before" : "the reference", agreement.cosine)};
}

bool Lane::look_is_due() const {
  const auto medians = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double, std::milli>(kMediansBetweenLooks * median_ms_));
  const Duration after = shared_.options.canary_after;
  return after == Duration::zero() || runs_since_canary_ + 1 >= shared_.options.canary_every ||
         Clock::now() - canary_at_ >= std::max(after, medians);
}

Result<> Lane::look() {
  ANYNPU_CHECK(run_canary(*worker_, rule_, patience(1), second_is_next_, 1));
  second_is_next_ = !second_is_next_;
  runs_since_canary_ = 0;
  canary_at_ = Clock::now();
  return {};
}

Result<> Lane::believe(const std::vector<const InputSource*>& sources, const BatchOutput& ran,
                       TimePoint until, Duration run_limit) {
  const auto wrong = [](const Error& error, const std::string& why) {
    if (error.code != Code::kDevice && error.code != Code::kTimeout) return error;
    const bool hangs = error.code == Code::kTimeout;
    return Error{error.code, "its answer was not right" + (why.empty() ? "" : " (" + why + ")") +
                                 ": it " +
                                 (hangs ? "did not answer the canary in time" : error.message)};
  };
  const std::string repeated = recent_.doubt(ran.inputs, ran.outputs);
  std::string doubt = ran.remarks.suspect;
  if (doubt.empty()) doubt = kernel_.news();
  if (doubt.empty()) doubt = repeated;
  if (doubt.empty()) {
    if (!look_is_due()) return {};
    auto agrees = look();
    return agrees ? agrees : wrong(agrees.error(), "");
  }
  // The last run before the second one is a canary with another answer: what is old in the second
  // one is then seen.
  const auto as_canary = [&](const auto& outputs) { return same_bytes(outputs, canary_outputs_); };
  const bool second_last =
      !second_outputs_.empty() && std::any_of(ran.outputs.begin(), ran.outputs.end(), as_canary);
  // A request does not wait longer for a device that is in doubt than for one that hangs; one that
  // has answered a canary may have its time.
  Duration limit = std::max<Duration>(until - Clock::now(), milliseconds(1));
  for (const bool second : {!second_last, second_last}) {
    if (auto agrees = run_canary(*worker_, rule_, limit, second, sources.size()); !agrees)
      return wrong(agrees.error(), doubt);
    limit = patience(sources.size());
  }
  auto again = run_batch(*worker_, sources, rule_, give_up(sources.size(), run_limit));
  if (!again) return wrong(again.error().error, doubt);
  recent_.doubt(again->inputs, again->outputs);
  const auto& last = second_last ? second_outputs_ : canary_outputs_;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (!same_bytes(ran.outputs[i], again->outputs[i]))
      return wrong({Code::kDevice, "answered otherwise when it was asked again"}, doubt);
    if (!again->remarks.suspect.empty() && same_bytes(again->outputs[i], last))
      return wrong({Code::kDevice, "gave the canary's answer when it was asked again"}, doubt);
  }
  if (doubt == repeated) recent_.was_right();
  return {};
}

void Lane::fill_batch(std::unique_lock<std::mutex>& lock, std::vector<JobPtr>& jobs) {
  const Duration wait = shared_.options.batch_wait;
  if (wait == Duration::zero()) return;
  TimePoint until = std::min(Clock::now() + wait, jobs[0]->request.deadline);
  while (static_cast<int>(jobs.size()) < rule_.most && Clock::now() < until &&
         !shared_.queue.stopping) {
    seat_.idle = true;
    seat_.wake->wait_until(lock, until);
    seat_.idle = false;
    for (JobPtr& job : shared_.queue.take(seat_.rank, rule_.most - static_cast<int>(jobs.size())))
      jobs.push_back(std::move(job));
    seat_.running = jobs;  // from now on their deadlines are looked after there
  }
}

void Lane::serve(std::unique_lock<std::mutex>& lock, std::vector<JobPtr> jobs) {
  seat_.state = LaneState::kBusy;
  seat_.running = jobs;
  fill_batch(lock, jobs);
  const std::optional<Loss> loss = run_jobs(lock, jobs);
  if (!lock.owns_lock()) lock.lock();
  seat_.running.clear();
  if (loss) return lose_worker(lock, *loss);
  seat_.state = LaneState::kReady;
}

tl::expected<BatchOutput, RunFailure> Lane::run(const std::vector<const InputSource*>& sources,
                                                TimePoint until) {
  try {
    return run_batch(*worker_, sources, rule_, until);
  } catch (const std::exception& problem) {  // a picture for which there is no memory
    return tl::make_unexpected(RunFailure{
        Error{Code::kInternal, fmt::format("the request cannot be run: {}", problem.what())},
        true});
  }
}

// One bad input must not spoil the others' answers.
std::optional<Lane::Loss> Lane::run_one_by_one(std::unique_lock<std::mutex>& lock,
                                               const std::vector<JobPtr>& jobs) {
  for (auto job = jobs.begin(); job != jobs.end(); ++job) {
    if (!lock.owns_lock()) lock.lock();
    std::optional<Loss> loss = run_jobs(lock, {*job});
    if (!loss) continue;
    hand_over(lock, {job + 1, jobs.end()}, Error{Code::kCrashed, loss->why}, true);
    return loss;
  }
  return std::nullopt;
}

std::optional<Lane::Loss> Lane::run_jobs(std::unique_lock<std::mutex>& lock,
                                         const std::vector<JobPtr>& jobs) {
  TimePoint start = Clock::now();
  std::string down = seat_.rank > 0 ? shared_.queue.why_down() : "";
  lock.unlock();
  const HandOver::Run run_under_way(hand_over_, *worker_);
  std::vector<const InputSource*> sources;
  Duration run_limit = Duration::zero();
  for (const JobPtr& job : jobs) {
    sources.push_back(job->request.input.get());
    run_limit = std::max(run_limit, job->request.run_limit);
  }
  const TimePoint until = give_up(jobs.size(), run_limit);
  auto ran = run(sources, until);
  if (!ran && ran.error().error.code == Code::kTimeout)
    ran.error().error.message =
        fmt::format("the worker did not answer within {:.0f} ms", ms_since(start));
  if (ran && placement_.on_npu())
    if (auto sure = believe(sources, *ran, until, run_limit); !sure)
      ran = tl::make_unexpected(RunFailure{sure.error(), false});
  const auto is_lost = [this](Code code) {
    return code == Code::kCrashed || code == Code::kTimeout ||
           (placement_.on_npu() && code == Code::kDevice);
  };
  if (!ran && jobs.size() > 1 && (ran.error().input_error || !is_lost(ran.error().error.code)))
    return run_one_by_one(lock, jobs);
  if (!ran && ran.error().input_error) {
    answer(jobs[0], ran.error().error, shared_.queue, shared_.counters);
    return std::nullopt;
  }
  if (!ran) {
    Error error = ran.error().error;
    const bool lost = is_lost(error.code);
    if (error.code == Code::kCrashed)
      error.message = "the worker " + worker_->obituary(kObituaryPatience);
    error.message = placement_.id() + ": " + error.message;
    lock.lock();
    hand_over(lock, jobs, error, lost);
    if (!lost) return std::nullopt;
    return Loss{error.message, error.code == Code::kTimeout};
  }
  lock.lock();
  ++shared_.counters.batches;
  served_ += jobs.size();
  seat_.consecutive_failures = 0;
  ++runs_since_canary_;
  answered_ = true;
  worn_ = ran->remarks.worn;
  lock.unlock();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    Reply reply;
    reply.outputs = std::move(ran->outputs[i]);
    reply.device = placement_.device;
    reply.engine = placement_.engine_title();
    reply.artifact = placement_.artifact.file;
    reply.note = note_;
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
  return std::nullopt;
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
  std::erase_if(seat_.running, [&](const JobPtr& each) {
    return std::find(jobs.begin(), jobs.end(), each) != jobs.end();
  });
  lock.unlock();
  for (const JobPtr& job : spent) answer(job, job->last_error, shared_.queue, shared_.counters);
  lock.lock();
}

void Lane::lose_worker(std::unique_lock<std::mutex>& lock, const Loss& loss, bool crashed) {
  if (worker_ && Clock::now() - up_since_ > kProvenAfter) seat_.consecutive_failures = 0;
  ++seat_.consecutive_failures;
  ++restarts_;
  ++shared_.counters.worker_restarts;
  seat_.last_error = loss.why;
  seat_.state = LaneState::kStarting;
  const bool on_npu = placement_.on_npu();
  const Duration pause =
      on_npu ? Duration::zero() : pause_after(seat_.consecutive_failures, crashed);
  not_before_ = Clock::now() + pause;
  // At the end of a drain workers are killed by the server: that says nothing of the device.
  const bool by_itself = !shared_.queue.stopping;
  std::unique_ptr<Worker> lost = std::move(worker_);
  worn_ = false;
  pid_ = 0;
  shared_.queue.wake_lanes();
  if (shared_.queue.lower_ranks_fail(seat_.rank + 1)) shared_.queue.wake_all();
  lock.unlock();  // the requests are on their way; the rest may take its time
  if (on_npu && by_itself)
    shared_.quarantine.failed(placement_.device, loss.why);
  else if (by_itself)
    log::warn("{} (restarting after {:.1f} s)", loss.why, to_ms(pause) / 1000);
  if (lost) shared_.quarantine.end_worker(std::move(lost), loss.hangs, placement_);
  lock.lock();
}

TimePoint Lane::give_up(std::size_t batch, Duration run_limit) const {
  return Clock::now() + std::max(patience(batch), run_limit);
}

Duration Lane::patience(std::size_t batch) const {
  return patience_for(shared_.options.hang_limit, median_ms_ * static_cast<double>(batch));
}

}  // namespace anynpu::runtime
