// SPDX-License-Identifier: Apache-2.0
// Several workers on one NPU, when that is measured to be faster.
#include "runtime/spread.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "base/log.h"

namespace anynpu::runtime {
namespace {

constexpr double kWorthIt = 1.15;
constexpr double kLeastMs = 60;  // of a measurement
constexpr int kLeastRuns = 4;
constexpr int kMostTurns = 200;
constexpr int kMostCores = 8;

/// Ends the worker of a trial, which may still owe an answer. One that ran well until now shows
/// that the device is not well; the newest of several, that the device does not take so many.
void give_up_on(Trial& trial, Error error, std::size_t index, const ServeOptions& options) {
  const Placement& placement = trial.candidate.placement;
  if (error.code == Code::kCrashed)
    error.message = "the worker " + trial.worker->obituary(kLongObituaryPatience);
  log::info("worker {} of {} failed while they were measured together: {}", index, placement.id(),
            error.message);
  if (index == 0 && error.code != Code::kCancelled)
    options.quarantine->failed(placement.device, placement.id() + ": " + error.message);
  options.quarantine->end_worker(std::move(trial.worker), must_be_ended(error), placement);
}

/// Runs per second of all workers together; 0 when one of them failed, which is then ended.
double throughput(const std::vector<Trial*>& trials, const InputSource& canary,
                  const ServeOptions& options) {
  const double median_ms = trials[0]->candidate.measured->median_ms;
  const Duration limit = patience_for(options.hang_limit, median_ms);
  const int runs =
      std::clamp(static_cast<int>(kLeastMs / std::max(median_ms, 0.01)), kLeastRuns, kMostTurns);
  std::atomic<bool> failed = false;
  std::vector<std::optional<Error>> errors(trials.size());
  const TimePoint start = Clock::now();
  std::vector<std::jthread> threads;  // joined also where there is no room for the next one
  for (std::size_t t = 0; t < trials.size(); ++t)
    threads.emplace_back([&, t] {
      Worker& worker = *trials[t]->worker;
      const InputSource* sources[] = {&canary};
      const BatchRule rule = batch_rule(trials[t]->candidate.placement.artifact, worker.session());
      for (int i = 0; i < runs && !failed; ++i) {
        auto ran = run_batch(worker, sources, rule, Clock::now() + limit);
        if (ran) continue;
        errors[t] = ran.error().error;
        failed = true;
      }
    });
  threads.clear();
  const double seconds = ms_since(start) / 1000;
  for (std::size_t t = 0; t < trials.size(); ++t)
    if (errors[t]) give_up_on(*trials[t], std::move(*errors[t]), t, options);
  return failed || seconds <= 0 ? 0 : runs * static_cast<double>(trials.size()) / seconds;
}

}  // namespace

std::vector<Trial> spread(Trial& trial, const InputSource& canary, const ServeOptions& options) {
  std::vector<Trial> more;
  Measured& measured = *trial.candidate.measured;
  const Placement& placement = trial.candidate.placement;
  const int cores = std::min(placement.cores, kMostCores);
  if (cores < 2) return more;
  std::vector<Trial*> trials = {&trial};
  more.reserve(static_cast<std::size_t>(cores));  // they are pointed to
  double best = throughput(trials, canary, options);
  measured.per_second_one = measured.per_second_all = best;
  for (int core = 1; core < cores && best > 0; ++core) {
    Trial& next = more.emplace_back();
    trials.push_back(&next);
    next.candidate = trial.candidate;
    next.candidate.placement.core_mask = 1U << core;
    next.canary_outputs = trial.canary_outputs;
    next.second_outputs = trial.second_outputs;
    next.recent = trial.recent;
    auto worker = start_worker(next.candidate.placement, true, Clock::now() + kLoadLimit,
                               options.stop, *options.quarantine);
    if (!worker) {
      log::info("no further worker for {}: {}", placement.id(), worker.error().message);
      more.pop_back();
      break;
    }
    next.worker = std::move(*worker);
    const double now = throughput(trials, canary, options);
    if (now < best * kWorthIt) {
      if (next.worker) options.quarantine->end_worker(std::move(next.worker), false, placement);
      more.pop_back();
      break;
    }
    best = now;
  }
  measured.workers = 1 + static_cast<int>(more.size());
  measured.per_second_all = best;
  return more;
}

}  // namespace anynpu::runtime
