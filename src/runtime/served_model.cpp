// SPDX-License-Identifier: Apache-2.0
// One version of a model, placed, with its lanes and the thread that watches deadlines.
#include "runtime/served_model.h"

#include <algorithm>
#include <future>
#include <thread>
#include <utility>

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "runtime/choose.h"
#include "runtime/hand_over.h"
#include "runtime/lane.h"
#include "runtime/session_json.h"
#include "runtime/spread.h"

namespace anynpu::runtime {
namespace {

constexpr auto kTick =
    milliseconds(250);  // how soon a sleeping lane's dead worker and a lost caller are noticed
constexpr int kMostInstances = 4;  // unless asked for more

class ServedModelImpl : public ServedModel {
 public:
  ServedModelImpl(model::Package package, int version, std::shared_ptr<const InputSource> canary,
                  ServeOptions options)
      : package_(std::move(package)),
        version_(version),
        canary_(std::move(canary)),
        options_(std::move(options)),
        queue_(options_.queue_limit) {
    if (!options_.quarantine) options_.quarantine = std::make_shared<Quarantine>();
  }

  ~ServedModelImpl() override { drain(Clock::now()); }

  Result<> start() {
    const model::Version* version = package_.find(version_);
    if (version == nullptr)
      return Error{Code::kNotFound, package_.name + " has no version " + std::to_string(version_)};
    ANYNPU_TRY(choice, choose(package_, *version, *canary_, options_));
    if (!choice.session)
      return Error{Code::kBusy, choice.trials[0].candidate.placement.device +
                                    " is in quarantine, and nothing else runs " + package_.name}
          .with_hint("it is tried again after a pause; --policy npu-preferred lets the CPU answer");
    session_ = std::move(*choice.session);
    // What runs on the CPU shares it; an NPU gets as many workers as pay.
    Trial& first = choice.trials[0];
    std::vector<Trial> more;
    if (first.candidate.placement.on_npu() && options_.instances <= 0 && first.worker)
      more = spread(first, *canary_, options_);
    if (options_.stop && *options_.stop)
      return Error{Code::kCancelled, "is not started, because the server stops"};
    report_ = std::move(choice.report);
    report_.ranked[0] = first.candidate;
    int instances = options_.instances;
    if (instances <= 0)
      instances = first.candidate.placement.on_npu()
                      ? 1
                      : std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1,
                                   kMostInstances);
    fills_processors_ = !first.candidate.placement.on_npu() &&
                        instances * first.candidate.placement.threads >=
                            static_cast<int>(std::thread::hardware_concurrency());
    LaneShared shared{queue_,        package_, *canary_, options_, counters_, *options_.quarantine,
                      stop_starting_};
    for (std::size_t rank = 0; rank < choice.trials.size(); ++rank) {
      Trial& trial = choice.trials[rank];
      const bool cold = rank > 1;
      if (cold && trial.worker)
        options_.quarantine->end_worker(std::move(trial.worker), false, trial.candidate.placement);
      const Trial again{trial.candidate, nullptr, trial.canary_outputs, trial.second_outputs};
      lanes_.push_back(std::make_unique<Lane>(shared, rank, std::move(trial), cold));
      for (int extra = 1; rank == 0 && extra < instances; ++extra)
        lanes_.push_back(std::make_unique<Lane>(
            shared, rank,
            Trial{again.candidate, nullptr, again.canary_outputs, again.second_outputs}, false));
      for (std::size_t i = 0; rank == 0 && i < more.size(); ++i)
        lanes_.push_back(std::make_unique<Lane>(shared, rank, std::move(more[i]), false));
    }
    timekeeper_ = std::thread([this] { keep_time(); });
    return {};
  }

  void submit(Request request, std::function<void(Result<Reply>)> done) override {
    auto job = std::make_shared<Job>();
    job->request = std::move(request);
    job->done = std::move(done);
    Result<> accepted;
    Wakes wakes;
    {
      std::lock_guard lock(queue_.mutex);
      accepted = queue_.accept(job, wakes);
      if (accepted) {
        ++counters_.accepted;
        ++counters_.in_flight;
        if (job->request.deadline < next_tick_) time_.notify_one();
      } else {
        ++counters_.rejected;
      }
    }
    for (const auto& wake : wakes) wake->notify_one();
    if (!accepted) job->done(accepted.error());
  }

  Result<Reply> infer(Request request) override {
    std::promise<Result<Reply>> promise;
    bool confined = false;
    submit(std::move(request), [&, caller = ::gettid()](Result<Reply> result) {
      confined = confine_beside(caller);
      promise.set_value(std::move(result));
    });
    Result<Reply> reply = promise.get_future().get();
    if (confined) run_anywhere();
    return reply;
  }

  const model::Package& package() const override { return package_; }
  int version() const override { return version_; }
  const engine::SessionInfo& session() const override { return session_; }
  const PlacementReport& placements() const override { return report_; }

  std::vector<InstanceStatus> instances() const override {
    std::lock_guard lock(queue_.mutex);
    std::vector<InstanceStatus> all;
    for (const auto& lane : lanes_) all.push_back(lane->status());
    return all;
  }

  bool ready() const override {
    if (options_.policy != Policy::kNpuRequired) return true;
    return std::any_of(report_.ranked.begin(), report_.ranked.end(), [&](const Candidate& each) {
      return options_.quarantine->closed(each.placement.device);
    });
  }

  std::vector<DeviceCircuit> circuits() const override {
    std::vector<DeviceCircuit> all = options_.quarantine->status();
    std::erase_if(all, [&](const DeviceCircuit& circuit) {
      return std::none_of(report_.ranked.begin(), report_.ranked.end(), [&](const Candidate& each) {
        return each.placement.device == circuit.device;
      });
    });
    return all;
  }

  bool prepares() const override {
    if (fills_processors_) return true;
    const std::lock_guard lock(queue_.mutex);
    return queue_.idle();
  }

  Counters counters() const override {
    std::lock_guard lock(queue_.mutex);
    Counters now = counters_;
    now.queued = queue_.waiting();
    return now;
  }

  std::size_t queue_limit() const override { return options_.queue_limit; }

  void drain(TimePoint deadline) override {
    std::vector<JobPtr> left;
    {
      std::unique_lock lock(queue_.mutex);
      queue_.accepting = false;
      drain_until_ = std::min(drain_until_, deadline);
      if (std::exchange(draining_, true)) {
        drained_changed_.wait(lock, [this] { return drained_; });
        return;
      }
      // Answers are given outside of the lock, so the count is looked at rather than waited for.
      while (counters_.in_flight > 0 && Clock::now() < drain_until_) {
        lock.unlock();
        std::this_thread::sleep_for(milliseconds(2));
        lock.lock();
      }
      queue_.stopping = true;
      *stop_starting_ = true;
      left = queue_.take_all();
      for (const auto& lane : lanes_)
        if (!lane->seat().running.empty() && lane->pid() > 0) ::kill(-lane->pid(), SIGKILL);
      queue_.wake_all();
      time_.notify_all();
    }
    for (const JobPtr& job : left) answer(job, stopped(), queue_, counters_);
    if (timekeeper_.joinable()) timekeeper_.join();
    std::vector<std::unique_ptr<Lane>> ended;
    {
      std::lock_guard lock(queue_.mutex);
      ended.swap(lanes_);
    }
    for (const auto& lane : ended) lane->join();
    {
      std::lock_guard lock(queue_.mutex);
      queue_.remove_seats();
      left = queue_.take_all();  // what lanes handed back while they stopped
    }
    for (const JobPtr& job : left) answer(job, stopped(), queue_, counters_);
    const std::lock_guard lock(queue_.mutex);
    drained_ = true;
    drained_changed_.notify_all();
  }

 private:
  static Error stopped() {
    return Error{Code::kCancelled, "the server stopped before it could answer"};
  }

  // Answers what nobody will answer in time, and wakes lanes whose worker died in its sleep.
  void keep_time() {
    ::prctl(PR_SET_NAME, "anynpu-time");
    std::unique_lock lock(queue_.mutex);
    while (!queue_.stopping) {
      next_tick_ = queue_.next_deadline(Clock::now() + kTick);
      time_.wait_until(lock, next_tick_);
      std::vector<JobPtr> expired = queue_.take_expired(Clock::now());
      for (const auto& lane : lanes_)
        if (lane->idle_and_dead() || lane->idle_in_quarantine()) lane->seat().wake->notify_one();
      if (expired.empty()) continue;
      std::vector<Error> errors;  // under the lock: what a lane knows of a job may change after it
      for (const JobPtr& job : expired) {
        Error& error = errors.emplace_back(
            job->cancelled() ? Error{Code::kCancelled, "the caller went away"}
                             : Error{Code::kTimeout, "no answer before the request's deadline"});
        if (!job->first_failure.empty()) error.message += " (" + job->first_failure + ")";
      }
      lock.unlock();
      for (std::size_t i = 0; i < expired.size(); ++i)
        answer(expired[i], std::move(errors[i]), queue_, counters_);
      lock.lock();
    }
  }

  const model::Package package_;
  const int version_;
  const std::shared_ptr<const InputSource> canary_;
  ServeOptions options_;
  PlacementReport report_;
  engine::SessionInfo session_;
  bool fills_processors_ = false;  // its workers do

  mutable Queue queue_;
  Counters counters_;  // under the queue's lock
  TimePoint next_tick_ = {};
  std::condition_variable time_;
  std::thread timekeeper_;
  bool draining_ = false, drained_ = false;
  TimePoint drain_until_ = TimePoint::max();
  std::condition_variable drained_changed_;
  const std::shared_ptr<std::atomic<bool>> stop_starting_ =
      std::make_shared<std::atomic<bool>>(false);
  std::vector<std::unique_ptr<Lane>> lanes_;
};

Json candidate_json(const Candidate& candidate) {
  const Placement& placement = candidate.placement;
  Json json{{"id", placement.id()},
            {"device", placement.device},
            {"engine", placement.engine_title()},
            {"artifact", placement.artifact.file},
            {"threads", placement.threads}};
  if (candidate.measured) {
    const Measured& m = *candidate.measured;
    json["measured"] = {{"load_ms", m.load_ms},     {"first_ms", m.first_ms},
                        {"median_ms", m.median_ms}, {"overhead_ms", m.overhead_ms},
                        {"cosine", m.cosine},       {"same_top1", m.same_top1}};
    if (!m.note.empty()) json["note"] = m.note;
    if (m.per_second_all > 0)
      json["spread"] = {{"workers", m.workers},
                        {"per_second_one", m.per_second_one},
                        {"per_second_all", m.per_second_all}};
  }
  if (!candidate.rejected.empty()) json["rejected"] = candidate.rejected;
  return json;
}

}  // namespace

Result<std::unique_ptr<ServedModel>> ServedModel::start(const model::Package& package, int version,
                                                        std::shared_ptr<const InputSource> canary,
                                                        const ServeOptions& options) {
  auto model = std::make_unique<ServedModelImpl>(package, version, std::move(canary), options);
  ANYNPU_CHECK(model->start());
  return std::unique_ptr<ServedModel>(std::move(model));
}

Json to_json(const PlacementReport& report) {
  Json ranked = Json::array(), rejected = Json::array();
  for (const Candidate& candidate : report.ranked) ranked.push_back(candidate_json(candidate));
  for (const Candidate& candidate : report.rejected) rejected.push_back(candidate_json(candidate));
  Json json{{"policy", to_string(report.policy)}, {"ranked", ranked}, {"rejected", rejected}};
  if (!report.no_npu.empty()) json["no_npu"] = report.no_npu;
  return json;
}

Json to_json(const ServedModel& model) {
  Json instances = Json::array();
  for (const InstanceStatus& instance : model.instances()) {
    Json one{{"placement", instance.placement},
             {"state", instance.state},
             {"pid", instance.pid},
             {"served", instance.served},
             {"restarts", instance.restarts},
             {"recycled", instance.recycled}};
    if (!instance.last_error.empty()) one["last_error"] = instance.last_error;
    if (instance.blind)
      one["blind"] = {{"message", instance.blind->message}, {"hint", instance.blind->hint}};
    instances.push_back(std::move(one));
  }
  Json circuits = Json::array();
  for (const DeviceCircuit& circuit : model.circuits()) circuits.push_back(to_json(circuit));
  Counters c = model.counters();
  return Json{{"name", model.package().name},
              {"version", model.version()},
              {"task", to_string(model.package().task)},
              {"session", to_json(model.session())},
              {"placement", to_json(model.placements())},
              {"instances", instances},
              {"ready", model.ready()},
              {"quarantine", circuits},
              {"counters",
               {{"accepted", c.accepted},
                {"answered", c.answered},
                {"failed", c.failed},
                {"rejected", c.rejected},
                {"cancelled", c.cancelled},
                {"fallbacks", c.fallbacks},
                {"worker_restarts", c.worker_restarts},
                {"batches", c.batches},
                {"queued", c.queued},
                {"in_flight", c.in_flight}}}};
}

}  // namespace anynpu::runtime
