// SPDX-License-Identifier: Apache-2.0
// Choosing placements.
//
// The order is: which candidates there are (artifacts x engines x variants x devices, by policy),
// then a trial of each, the reference first because the others are compared with it, then the
// ranking: NPUs before the CPU, and among equals the faster one. The trials' workers are kept, so
// that the chosen placement serves at once.
#include "runtime/choose.h"

#include <algorithm>
#include <future>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"
#include "engine/engines.h"
#include "host/machine.h"
#include "npu/devices.h"
#include "runtime/quarantine.h"

namespace anynpu::runtime {
namespace {

// Runs of a trial after the first: enough for a median, but a slow model must not hold up the
// start.
constexpr int kMostRuns = 7;
constexpr double kEnoughMs = 25;
constexpr auto kTrialRunLimit = seconds(20);

bool in_order(const npu::Device& device) {
  return device.status == npu::Status::kReady || device.status == npu::Status::kDegraded;
}

struct Candidates {
  std::vector<Placement> placements;  // the reference first
  std::vector<Candidate> rejected;
};

// The placements of one artifact on one device, or the reason why there are none.
void add_placements(Placement placement, const ServeOptions& options, Candidates& found) {
  auto reject = [&](std::string why) {
    found.rejected.push_back({placement, std::nullopt, std::move(why)});
  };
  auto variants = engine::variants_of(placement.engine);
  if (!variants)
    return reject(variants.error().message +
                  (variants.error().hint.empty() ? "" : " (" + variants.error().hint + ")"));
  for (const std::string& variant : *variants) {
    placement.variant = variant;
    if (options.only.empty() || placement.id().find(options.only) != std::string::npos)
      found.placements.push_back(placement);
    else
      reject("left out by request");
  }
}

void add_npu_placements(Placement placement, const std::vector<npu::Device>& devices,
                        const ServeOptions& options, Candidates& found) {
  auto reject = [&](std::string why) {
    found.rejected.push_back({placement, std::nullopt, std::move(why)});
  };
  placement.device = placement.family;
  placement.engine = engine::engine_on(placement.artifact.engine, placement.family);
  if (options.policy == Policy::kCpuOnly) return reject("the policy is cpu-only");
  if (placement.engine.empty()) {
    placement.engine = placement.artifact.engine;
    return reject("no engine runs it on " + placement.family);
  }
  bool any = false;
  for (const npu::Device& device : devices) {
    if (device.family != placement.family) continue;
    any = true;
    placement.device = device.id;
    placement.node = device.node;
    placement.index = device.index;
    placement.cores = device.cores;
    if (in_order(device))
      add_placements(placement, options, found);
    else
      reject(fmt::format("{} is {}: {}", device.id, npu::to_string(device.status), device.reason) +
             (device.finding.empty() ? "" : " [" + device.finding + "]") +
             (device.hint.empty() ? "" : " (" + device.hint + ")"));
  }
  if (!any)
    reject(fmt::format("needs an NPU of the family {}, and none was found", placement.family));
}

Candidates candidates_of(const model::Version& version, const std::vector<npu::Device>& devices,
                         const ServeOptions& options) {
  Candidates found;
  std::vector<const model::Artifact*> artifacts;
  for (const auto& artifact : version.artifacts) artifacts.push_back(&artifact);
  std::stable_sort(artifacts.begin(), artifacts.end(),
                   [](const auto* a, const auto* b) { return a->reference && !b->reference; });
  // The CPU first, whatever the order of an artifact's families: its answer is the reference.
  for (const bool npu : {false, true})
    for (const model::Artifact* artifact : artifacts)
      for (const std::string& family : artifact->families) {
        if ((family != "cpu") != npu) continue;
        Placement placement{*artifact, engine::engine_on(artifact->engine, family), "", "cpu",
                            options.threads};
        placement.family = family;
        if (npu)
          add_npu_placements(std::move(placement), devices, options, found);
        else
          add_placements(std::move(placement), options, found);
      }
  return found;
}

// A worker that has answered the canary once.
struct Started {
  std::unique_ptr<Worker> worker;
  BatchOutput canary;
  double load_ms = 0;
  double first_ms = 0;  // of that run, with its warm-up
};

// What a worker answers to the canary, and its times; a worker that does not is ended.
Result<BatchOutput> ask(std::unique_ptr<Worker>& worker, const Placement& placement,
                        const ServeOptions& options, const InputSource& canary, double& wall_ms) {
  const InputSource* sources[] = {&canary};
  const BatchRule rule = batch_rule(placement.artifact, worker->session());
  const TimePoint start = Clock::now();
  auto ran = run_batch(*worker, sources, rule, start + kTrialRunLimit);
  wall_ms = ms_since(start);
  if (ran) return std::move(*ran);
  Error error = ran.error().error;
  if (error.code == Code::kCrashed)
    error.message = "on the canary, the worker " + worker->obituary(kLongObituaryPatience);
  options.quarantine->end_worker(std::move(worker), must_be_ended(error), placement);
  return error;
}

Result<Started> begin(const Placement& placement, const ServeOptions& options,
                      const InputSource& canary) {
  Started started;
  const TimePoint start = Clock::now();
  ANYNPU_TRY(worker, start_worker(placement, options.isolated, start + kLoadLimit, options.stop,
                                  *options.quarantine));
  started.worker = std::move(worker);
  started.load_ms = ms_since(start);
  ANYNPU_TRY(ran, ask(started.worker, placement, options, canary, started.first_ms));
  started.canary = std::move(ran);
  return started;
}

// Begins with every placement of the CPU, side by side: loading and the first run, which fetches
// weights and memory, are most of a start. All are through before the first is timed. Devices get
// theirs one after another, when their turn comes, and so does everything in a benchmark, which
// shows the times of loading.
std::vector<std::optional<Result<Started>>> begin_on_cpu(const std::vector<Placement>& placements,
                                                         const ServeOptions& options,
                                                         const InputSource& canary) {
  const bool side_by_side = options.isolated && !options.measure_all;
  std::vector<std::future<Result<Started>>> starting(placements.size());
  if (side_by_side && options.policy != Policy::kNpuRequired)
    for (std::size_t i = 0; i < placements.size(); ++i)
      if (!placements[i].on_npu())
        starting[i] = std::async(std::launch::async, begin, placements[i], std::cref(options),
                                 std::cref(canary));
  std::vector<std::optional<Result<Started>>> started(placements.size());
  for (std::size_t i = 0; i < placements.size(); ++i)
    if (starting[i].valid()) started[i] = starting[i].get();
  return started;
}

Result<Trial> try_started(const Placement& placement, Result<Started> started,
                          const ServeOptions& options, const InputSource& canary) {
  if (!started) return std::move(started).error();
  Trial trial;
  trial.candidate.placement = placement;
  trial.recent.doubt(started->canary.inputs, started->canary.outputs);
  trial.canary_outputs = std::move(started->canary.outputs[0]);
  Measured measured;
  measured.load_ms = started->load_ms;
  measured.first_ms = started->first_ms;
  std::unique_ptr<Worker> worker = std::move(started->worker);
  std::vector<double> times, overheads;
  double spent = 0;
  while (static_cast<int>(times.size()) < kMostRuns && (times.empty() || spent < kEnoughMs)) {
    double wall = 0;
    ANYNPU_TRY(ran, ask(worker, placement, options, canary, wall));
    trial.recent.doubt(ran.inputs, ran.outputs);
    times.push_back(ran.infer_ms);
    overheads.push_back(wall - ran.infer_ms);
    spent += wall;
  }
  if (placement.on_npu()) {
    double wall = 0;
    ANYNPU_TRY(ran, ask(worker, placement, options, ReversedSource(canary), wall));
    trial.recent.doubt(ran.inputs, ran.outputs);
    // Nothing is to be learned from a network that gives both the same answer.
    if (!same_bytes(ran.outputs[0], trial.canary_outputs))
      trial.second_outputs = std::move(ran.outputs[0]);
  }
  auto median = [](std::vector<double>& values) {
    std::nth_element(values.begin(),
                     values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
  };
  measured.median_ms = median(times);
  // The least: more than that is what else the machine does.
  measured.overhead_ms = std::max(0.0, *std::min_element(overheads.begin(), overheads.end()));
  measured.note = placement.on_npu() ? worker->session().note : "";
  trial.candidate.measured = measured;
  trial.worker = std::move(worker);
  return trial;
}

// Why the canary's answer disqualifies a candidate; empty when it agrees with the reference, or is
// it.
std::string disagreement(const model::Package& package,
                         const std::vector<engine::Tensor>& reference, Trial& trial) {
  Measured& measured = *trial.candidate.measured;
  auto agreement =
      compare(package, reference.empty() ? trial.canary_outputs : reference, trial.canary_outputs);
  measured.cosine = agreement ? agreement->cosine : 0;
  measured.same_top1 = agreement && agreement->same_top1;
  if (!agreement) return agreement.error().message;
  double least = trial.candidate.placement.artifact.min_cosine;
  if (agreement->cosine < least)
    return fmt::format(
        "disagrees with the reference on the canary: cosine {:.4f}, at least {:.4f} is asked for",
        agreement->cosine, least);
  // A synthetic canary shows nothing in particular: its best class may be a near tie.
  if (!agreement->same_top1 && !package.canary.empty() && package.task != model::Task::kRaw)
    return "disagrees with the reference on the canary: another class comes first";
  return "";
}

// A trial on a device, with the rules of the quarantine. A device that fails is quarantined and the
// placement waits for it; one that never loads the artifact, or crashes on it twice, is rejected:
// then it is the artifact. A device that comes from quarantine must also answer as the reference
// does, else it stays there.
Result<Trial> try_device(const model::Package& package, const Placement& placement,
                         const InputSource& canary, const ServeOptions& options,
                         const std::vector<engine::Tensor>& reference) {
  Quarantine& quarantine = *options.quarantine;
  Trial waiting;
  waiting.candidate.placement = placement;
  waiting.canary_outputs = reference;
  const Quarantine::Pass pass = quarantine.enter(placement.device).pass;
  if (pass == Quarantine::Pass::kWait) return waiting;
  const bool probe = pass == Quarantine::Pass::kProbe;
  auto trial = try_started(placement, begin(placement, options, canary), options, canary);
  if (!trial && trial.error().code == Code::kCrashed && !probe)
    trial = try_started(placement, begin(placement, options, canary), options, canary);
  if (trial && probe) {
    const std::string why = disagreement(package, reference, *trial);
    if (trial->candidate.measured->cosine < placement.artifact.min_cosine) {
      quarantine.end_worker(std::move(trial->worker), false, placement);
      quarantine.failed(placement.device, placement.id() + ": " + why);
      return waiting;
    }
    quarantine.succeeded(placement.device);
  }
  if (trial) return trial;
  const Code code = trial.error().code;
  if (code == Code::kCancelled) {
    if (probe) quarantine.abandoned(placement.device);
    return trial;
  }
  if (code == Code::kTimeout || code == Code::kDevice || probe) {
    quarantine.failed(placement.device, placement.id() + ": " + trial.error().message);
    return waiting;
  }
  return trial;
}

// Why none of the NPUs that are in order serves.
std::string why_not_these(const std::string& model, const std::vector<npu::Device>& devices,
                          const PlacementReport& report) {
  if (report.policy == Policy::kCpuOnly) return "the policy is cpu-only";
  std::vector<std::string> reasons;
  for (const npu::Device& device : devices) {
    if (device.family == "cpu" || !in_order(device)) continue;
    const std::size_t before = reasons.size();
    for (const Candidate& candidate : report.rejected)
      if (candidate.placement.device == device.id)
        reasons.push_back(candidate.placement.id() + ": " + candidate.rejected);
    if (reasons.size() == before)
      reasons.push_back(
          fmt::format("{} has no artifact for {} ({}); docs/models.md says how to make one", model,
                      device.id, device.title));
  }
  return join(reasons, "; ");
}

Error nothing_serves(const model::Package& package, const PlacementReport& report) {
  std::string reasons;
  std::string hint;
  for (const Candidate& candidate : report.rejected)
    reasons += fmt::format("{} {}: {}", reasons.empty() ? "" : ";", candidate.placement.id(),
                           candidate.rejected);
  if (report.policy == Policy::kNpuRequired) hint = "--policy npu-preferred lets the CPU answer";
  if (reasons.empty()) reasons = " it has no artifact";
  return Error{Code::kUnsupported,
               fmt::format("nothing on this machine can run {}:{}", package.name, reasons)}
      .with_hint(hint);
}

}  // namespace

Result<std::unique_ptr<Worker>> start_worker(const Placement& placement, bool isolated,
                                             TimePoint deadline, const StopFlag& stop,
                                             Quarantine& quarantine) {
  if (stop && *stop) return Error{Code::kCancelled, "is not started, because the server stops"};
  if (!isolated && !placement.on_npu()) return start_worker_in_process(placement);
  std::unique_ptr<Worker> stuck;
  auto worker = start_worker_process(placement, deadline, stop, &stuck);
  if (stuck) quarantine.keep_stuck(std::move(stuck), placement);
  return worker;
}

Result<Choice> choose(const model::Package& package, const model::Version& version,
                      const InputSource& canary, const ServeOptions& options) {
  Choice choice;
  choice.report.policy = options.policy;
  const std::vector<npu::Device> devices =
      options.devices ? *options.devices : npu::find_devices(*host::running_machine());
  Candidates candidates = candidates_of(version, devices, options);
  choice.report.rejected = std::move(candidates.rejected);
  choice.report.no_npu = npu::why_no_npu(devices);

  std::vector<engine::Tensor> reference;
  std::vector<Trial> trials;
  auto on_cpu = begin_on_cpu(candidates.placements, options, canary);
  for (std::size_t i = 0; i < candidates.placements.size(); ++i) {
    const Placement& placement = candidates.placements[i];
    auto reject = [&](std::string why, const std::optional<Measured>& measured) {
      choice.report.rejected.push_back({placement, measured, std::move(why)});
    };
    const bool unwanted = options.policy == Policy::kNpuRequired && !placement.on_npu();
    // Where only NPUs may serve, the CPU still says what is right.
    if (unwanted && (!placement.artifact.reference || !reference.empty())) {
      reject("the policy is npu-required", std::nullopt);
      continue;
    }
    auto trial = placement.on_npu() ? try_device(package, placement, canary, options, reference)
                 : on_cpu[i]
                     ? try_started(placement, std::move(*on_cpu[i]), options, canary)
                     : try_started(placement, begin(placement, options, canary), options, canary);
    if (!trial && trial.error().code == Code::kCancelled) return std::move(trial).error();
    if (!trial) {
      reject(trial.error().message, std::nullopt);
      continue;
    }
    if (trial->worker && !choice.session) choice.session = trial->worker->session();
    if (trial->worker && reference.empty()) reference = trial->canary_outputs;
    if (std::string why = trial->worker ? disagreement(package, reference, *trial) : "";
        !why.empty()) {
      reject(why, trial->candidate.measured);
      options.quarantine->end_worker(std::move(trial->worker), false, placement);
      continue;
    }
    if (unwanted) {
      reject("the policy is npu-required", trial->candidate.measured);
      options.quarantine->end_worker(std::move(trial->worker), false, placement);
      continue;
    }
    trials.push_back(std::move(*trial));
  }
  std::stable_sort(trials.begin(), trials.end(), [](const Trial& a, const Trial& b) {
    const Candidate &left = a.candidate, &right = b.candidate;
    if (left.placement.on_npu() != right.placement.on_npu()) return left.placement.on_npu();
    if (!left.measured || !right.measured) return left.measured.has_value();
    return left.measured->median_ms < right.measured->median_ms;
  });
  for (const Trial& trial : trials) choice.report.ranked.push_back(trial.candidate);
  if (trials.empty()) return nothing_serves(package, choice.report);
  if (trials[0].candidate.placement.on_npu())
    choice.report.no_npu.clear();
  else if (choice.report.no_npu.empty())
    choice.report.no_npu = why_not_these(package.name, devices, choice.report);
  if (trials[0].worker) choice.session = trials[0].worker->session();
  choice.trials = std::move(trials);
  return choice;
}

}  // namespace anynpu::runtime
