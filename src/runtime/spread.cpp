// SPDX-License-Identifier: Apache-2.0
// Several workers on one NPU, when that is measured to be faster.
#include "runtime/spread.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/log.h"

namespace anynpu::runtime {
namespace {

constexpr double kWorthIt = 1.15;
constexpr double kLeastMs = 60;  // of a measurement
constexpr int kLeastRuns = 4;
constexpr int kMostRuns = 200;
constexpr int kMostCores = 8;

/// Runs per second of all workers together; 0 when one of them failed.
double throughput(const std::vector<Worker*>& workers, const Placement& placement,
                  const InputSource& canary, double median_ms, Duration limit) {
  const int runs =
      std::clamp(static_cast<int>(kLeastMs / std::max(median_ms, 0.01)), kLeastRuns, kMostRuns);
  std::atomic<bool> failed = false;
  const TimePoint start = Clock::now();
  std::vector<std::thread> threads;
  for (Worker* worker : workers)
    threads.emplace_back([&, worker] {
      const InputSource* sources[] = {&canary};
      const BatchRule rule = batch_rule(placement.artifact, worker->session());
      for (int i = 0; i < runs && !failed; ++i)
        if (!run_batch(*worker, sources, rule, Clock::now() + limit)) failed = true;
    });
  for (std::thread& thread : threads) thread.join();
  const double seconds = ms_since(start) / 1000;
  return failed || seconds <= 0 ? 0 : runs * static_cast<double>(workers.size()) / seconds;
}

}  // namespace

std::vector<Trial> spread(Trial& trial, const InputSource& canary, const ServeOptions& options) {
  std::vector<Trial> more;
  Measured& measured = *trial.candidate.measured;
  const Placement& placement = trial.candidate.placement;
  const int cores = std::min(placement.cores, kMostCores);
  if (cores < 2) return more;
  const Duration limit = patience_for(options.hang_limit, measured.median_ms);
  std::vector<Worker*> workers = {trial.worker.get()};
  double best = throughput(workers, placement, canary, measured.median_ms, limit);
  measured.per_second_one = measured.per_second_all = best;
  for (int core = 1; core < cores && best > 0; ++core) {
    Trial next;
    next.candidate = trial.candidate;
    next.candidate.placement.core_mask = 1U << core;
    next.canary_outputs = trial.canary_outputs;
    next.second_outputs = trial.second_outputs;
    next.recent = trial.recent;
    auto worker = start_worker(next.candidate.placement, true, Clock::now() + kLoadLimit);
    if (!worker) {
      log::info("no further worker for {}: {}", placement.id(), worker.error().message);
      break;
    }
    next.worker = std::move(*worker);
    workers.push_back(next.worker.get());
    const double now = throughput(workers, placement, canary, measured.median_ms, limit);
    if (now < best * kWorthIt) {
      next.worker->end(now == 0);
      break;
    }
    best = now;
    more.push_back(std::move(next));
  }
  measured.workers = 1 + static_cast<int>(more.size());
  measured.per_second_all = best;
  return more;
}

}  // namespace anynpu::runtime
