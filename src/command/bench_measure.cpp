// SPDX-License-Identifier: Apache-2.0
// The measuring behind `anynpu bench`.
#include "command/bench_measure.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <condition_variable>
#include <mutex>

#include <fmt/format.h>

#include "base/text.h"
#include "host/machine.h"

namespace anynpu::command {
namespace {

constexpr int kRounds = 10;
constexpr int kUnderWayPerWorker = 2;
constexpr auto kRequestLimit = seconds(60);

using Model = std::unique_ptr<runtime::ServedModel>;

runtime::Request request_for(const BenchPlan& plan) {
  runtime::Request request;
  request.input = plan.input;
  request.deadline = Clock::now() + kRequestLimit;
  return request;
}

Result<Model> start(const BenchPlan& plan, const std::string& placement, int instances) {
  runtime::ServeOptions options = plan.serve;
  options.only = placement;
  options.instances = instances;
  return runtime::ServedModel::start(plan.package, plan.version, plan.input, options);
}

// One placement's turn in one round.
Result<> take_turn(const BenchPlan& plan, runtime::ServedModel& model, PlacementFigures& figures) {
  const int runs = std::max(1, plan.runs / kRounds);
  TimePoint end = Clock::now() + plan.limit / kRounds;
  std::vector<double> times;
  do {
    TimePoint begin = Clock::now();
    auto reply = model.infer(request_for(plan));
    if (!reply) return Error(reply.error()).within(figures.candidate.placement.id());
    times.push_back(ms_since(begin));
    figures.engine_ms.push_back(reply->infer_ms);
  } while (static_cast<int>(times.size()) < runs && Clock::now() < end && !plan.stop());
  figures.rounds.push_back(std::move(times));
  return {};
}

// "VmHWM:     51234 kB" of /proc/PID/status.
std::size_t peak_memory_of(int pid) {
  if (pid <= 0) return 0;
  auto status = host::running_machine()->read_text(fmt::format("/proc/{}/status", pid));
  if (!status) return 0;
  for (const std::string& line : split(*status, '\n')) {
    if (!line.starts_with("VmHWM:")) continue;
    std::string_view digits = trim(std::string_view(line).substr(6));
    std::size_t kilobytes = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), kilobytes);
    return kilobytes * 1024;
  }
  return 0;
}

Result<> measure_latencies(const BenchPlan& plan, std::vector<PlacementFigures>& all) {
  std::vector<Model> models;
  for (PlacementFigures& figures : all) {
    ANYNPU_TRY(model, start(plan, figures.candidate.placement.id(), 1));
    models.push_back(std::move(model));
  }
  for (int round = 0; round < kRounds && !plan.stop(); ++round)
    for (std::size_t i = 0; i < all.size(); ++i) ANYNPU_CHECK(take_turn(plan, *models[i], all[i]));
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto instances = models[i]->instances();
    if (!instances.empty()) all[i].memory_bytes = peak_memory_of(instances.front().pid);
  }
  return {};
}

// Keeps a number of requests under way for a while, and counts the answers.
class Load {
 public:
  Load(const BenchPlan& plan, runtime::ServedModel& model) : plan_(plan), model_(model) {}

  Result<double> per_second(int under_way) {
    TimePoint begin = Clock::now();
    end_ = begin + plan_.limit;
    for (int i = 0; i < under_way; ++i) {
      if (!begin_one()) break;
    }
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return under_way_ == 0; });
    if (error_) return *error_;
    double spent = to_ms(last_answer_ - begin) / 1000;
    return spent > 0 ? static_cast<double>(answers_) / spent : 0.0;
  }

 private:
  bool begin_one() {
    {
      std::lock_guard lock(mutex_);
      if (error_ || Clock::now() >= end_ || plan_.stop()) return false;
      ++under_way_;
    }
    model_.submit(request_for(plan_),
                  [this](const Result<runtime::Reply>& reply) { answered(reply); });
    return true;
  }

  void answered(const Result<runtime::Reply>& reply) {
    {
      std::lock_guard lock(mutex_);
      if (!reply && !error_) error_ = reply.error();
      last_answer_ = Clock::now();
      ++answers_;
    }
    if (reply) begin_one();
    std::lock_guard lock(mutex_);
    if (--under_way_ == 0) idle_.notify_all();
  }

  const BenchPlan& plan_;
  runtime::ServedModel& model_;
  TimePoint end_ = {}, last_answer_ = {};
  std::mutex mutex_;
  std::condition_variable idle_;
  std::optional<Error> error_;
  int under_way_ = 0;
  std::uint64_t answers_ = 0;
};

// 1, 2, 4, ... and the last one.
std::vector<int> instance_steps(int most) {
  std::vector<int> steps;
  for (int n = 1; n < most; n *= 2) steps.push_back(n);
  steps.push_back(most);
  return steps;
}

Result<> measure_throughput(const BenchPlan& plan, PlacementFigures& figures) {
  for (int instances : instance_steps(plan.most_instances)) {
    if (plan.stop()) return {};
    ANYNPU_TRY(model, start(plan, figures.candidate.placement.id(), instances));
    ANYNPU_TRY(rate, Load(plan, *model).per_second(kUnderWayPerWorker * instances));
    figures.throughput.push_back({instances, rate});
  }
  return {};
}

}  // namespace

Result<BenchFigures> measure(const BenchPlan& plan) {
  BenchFigures figures;
  {
    // All candidates together first: only there is every one compared with the reference.
    runtime::ServeOptions options = plan.serve;
    options.measure_all = true;
    options.instances = 1;
    ANYNPU_TRY(model, runtime::ServedModel::start(plan.package, plan.version, plan.input, options));
    const runtime::PlacementReport& report = model->placements();
    figures.rejected = report.rejected;
    figures.no_npu = report.no_npu;
    for (const runtime::Candidate& candidate : report.ranked) {
      if (!candidate.measured) {
        figures.rejected.push_back(candidate);
        figures.rejected.back().rejected = "its device failed";
        for (const runtime::DeviceCircuit& circuit : model->circuits())
          if (circuit.device == candidate.placement.device)
            figures.rejected.back().rejected += ": " + circuit.reason;
        continue;
      }
      figures.placements.emplace_back();
      figures.placements.back().candidate = candidate;
    }
  }
  ANYNPU_CHECK(measure_latencies(plan, figures.placements));
  for (PlacementFigures& one : figures.placements) ANYNPU_CHECK(measure_throughput(plan, one));
  std::stable_sort(figures.placements.begin(), figures.placements.end(),
                   [](const PlacementFigures& a, const PlacementFigures& b) {
                     return percentile(all_rounds(a), 0.5) < percentile(all_rounds(b), 0.5);
                   });
  return figures;
}

double percentile(std::vector<double> values, double fraction) {
  if (values.empty()) return 0;
  auto rank = static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(values.size())));
  auto nth = values.begin() +
             static_cast<std::ptrdiff_t>(std::clamp<std::size_t>(rank, 1, values.size()) - 1);
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

std::vector<double> all_rounds(const PlacementFigures& figures) {
  std::vector<double> all;
  for (const auto& round : figures.rounds) all.insert(all.end(), round.begin(), round.end());
  return all;
}

Ratio ratio_of(const PlacementFigures& one, const PlacementFigures& base) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(one.rounds.size(), base.rounds.size()); ++i) {
    double below = percentile(base.rounds[i], 0.5);
    if (below > 0) ratios.push_back(percentile(one.rounds[i], 0.5) / below);
  }
  if (ratios.empty()) return {};
  auto [least, most] = std::minmax_element(ratios.begin(), ratios.end());
  return {percentile(ratios, 0.5), *least, *most};
}

}  // namespace anynpu::command
