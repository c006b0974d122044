// SPDX-License-Identifier: Apache-2.0
// Climbing a recovery ladder.
#include "recovery/climb.h"

#include <algorithm>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/text.h"
#include "npu/remedies.h"

namespace anynpu::recovery {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using std::chrono::system_clock;

constexpr auto kLookEvery = milliseconds(100);
constexpr auto kPatience = seconds(3);

std::int64_t seconds_of(system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

// {"rknpu0": seconds since 1970}. A broken file counts as none: it is ours and only a memory.
Json read_times(const fs::path& file) {
  auto text = read_text(file, 64 << 10);
  Json times = text ? Json::parse(*text, nullptr, false) : Json();
  return times.is_object() ? times : Json::object();
}

Result<> keep_the_pause(const ClimbOptions& options, const npu::Device& device,
                        system_clock::time_point now) {
  if (options.state_file.empty()) return {};
  Json times = read_times(options.state_file);
  auto last = times.find(device.id);
  if (last != times.end() && last->is_number_integer()) {
    std::int64_t passed = seconds_of(now) - last->get<std::int64_t>();
    if (passed >= 0 && passed < options.least_pause.count())
      return Error{Code::kBusy,
                   fmt::format("recovery of {} was tried {} s ago; the next time is in {} s",
                               device.id, passed, options.least_pause.count() - passed)}
          .with_hint("a device in a bad state is not hammered; --step NAME takes one step now");
  }
  times[device.id] = seconds_of(now);
  std::error_code ignored;
  fs::create_directories(options.state_file.parent_path(), ignored);
  return write_file(options.state_file, times.dump());
}

// What the steps may destroy. A file that cannot be read is saved as the reason.
Result<fs::path> save_evidence(const host::Machine& machine, const npu::Device& device,
                               const npu::Ladder& ladder, const ClimbOptions& options) {
  fs::path folder = options.evidence_folder /
                    fmt::format("{}-{:%Y%m%dT%H%M%SZ}", device.id, fmt::gmtime(machine.now()));
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed)
    return system_error("cannot make the folder for evidence " + folder.string(), failed.value())
        .with_hint("name another one with --evidence DIR");
  auto save = [&](std::string name, std::string_view text) {
    std::replace(name.begin(), name.end(), '/', '_');
    return write_file(folder / name, text);
  };
  host::KernelLog log = machine.kernel_log();
  ANYNPU_CHECK(save("kernel-log.txt", log.readable() ? join(log.lines, "\n") + "\n"
                                                     : "cannot be read: " + log.why_not + "\n"));
  for (const std::string& path : ladder.evidence) {
    auto text = machine.read_text(path);
    ANYNPU_CHECK(save(path.substr(path.find_first_not_of('/')),
                      text ? *text : "cannot be read: " + text.error().message + "\n"));
  }
  ANYNPU_CHECK(save("device.txt", device.id + " " + device.title + "\n" + device.reason + "\n" +
                                      join(device.evidence, "\n") + "\n"));
  for (const auto& [name, text] : options.more_evidence) ANYNPU_CHECK(save(name, text));
  return folder;
}

Result<> wait_for(const host::Machine& machine, host::Hands& hands, const npu::Act& act) {
  Duration waited = Duration::zero();
  for (;;) {
    auto text = machine.read_text(act.target, 4096);
    if (text && trim(*text) == act.text) return {};
    if (waited >= act.limit)
      return Error{Code::kTimeout,
                   fmt::format("{} says {} and not {}", act.target,
                               text ? printable(trim(*text)) : "nothing", act.text)};
    hands.pause(kLookEvery);
    waited += kLookEvery;
  }
}

Result<> perform(const host::Machine& machine, host::Hands& hands, const npu::Device& device,
                 const npu::Act& act) {
  using Kind = npu::Act::Kind;
  switch (act.kind) {
    case Kind::kEndOurWorkers: {
      ANYNPU_TRY(folder, host::run_folder());
      ANYNPU_CHECK(end_our_workers(folder, device.id));
      return {};
    }
    case Kind::kWrite:
      return hands.write(act.target, act.text, act.limit);
    case Kind::kRun:
      return hands.run(act.command, act.text, act.limit);
    case Kind::kResetRknpu:
      return hands.reset_rknpu(act.target, act.limit);
    case Kind::kWaitFor:
      return wait_for(machine, hands, act);
    case Kind::kPause:
      hands.pause(act.limit);
      return {};
  }
  return {};
}

void take(const host::Machine& machine, host::Hands& hands, const npu::Device& device,
          const Canary& canary, StepReport& report) {
  report.taken = true;
  hands.begin_step(report.step.name);
  for (const npu::Act& act : report.step.acts) {
    // What comes after an act that failed builds on it, but for what gives back.
    if (!report.problem.empty() && !act.always) continue;
    auto done = perform(machine, hands, device, act);
    if (done) continue;
    if (!report.problem.empty()) report.problem += "; ";
    report.problem += act.shown() + ": " + done.error().message;
  }
  auto answer = canary();
  report.canary = answer.has_value();
  if (!answer) report.canary_says = answer.error().message;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kTake:
      return "take";
    case Verdict::kNever:
      return "never";
    case Verdict::kNotHere:
      return "not_here";
    case Verdict::kNeedsRoot:
      return "needs_root";
    case Verdict::kByHand:
      return "by_hand";
    case Verdict::kHeld:
      return "held";
  }
  return "take";
}

void judge_step(const host::Machine& machine, bool root, bool i_know, StepReport& report) {
  const npu::RecoveryStep& step = report.step;
  report.held.clear();
  if (!step.not_here.empty()) {
    report.verdict = Verdict::kNotHere;
  } else if (!step.never.empty() && !i_know) {
    report.verdict = Verdict::kNever;
  } else if (step.by_hand) {
    report.verdict = Verdict::kByHand;
  } else if (step.needs_root && !root) {
    report.verdict = Verdict::kNeedsRoot;
  } else {
    if (!i_know && !step.unheld.empty()) report.held = npu::held_by(machine, step.unheld);
    report.verdict = report.held.empty() ? Verdict::kTake : Verdict::kHeld;
  }
}

Result<ClimbReport> climb(const host::Machine& machine, host::Hands& hands,
                          const npu::Device& device, const npu::Ladder& ladder,
                          const Canary& canary, const ClimbOptions& options) {
  ClimbReport report;
  const bool i_know = options.i_know && !options.only.empty();
  std::vector<std::string> names;
  for (const npu::RecoveryStep& step : ladder.steps) {
    names.push_back(step.name);
    if (!options.only.empty() && step.name != options.only) continue;
    report.steps.push_back({.step = step});
    judge_step(machine, options.root, i_know, report.steps.back());
  }
  if (report.steps.empty())
    return Error{Code::kInvalid,
                 fmt::format("{} has no recovery step '{}'", device.id, printable(options.only))}
        .with_hint("its steps are: " + join(names, ", "));
  if (!options.apply) return report;

  if (!options.only.empty() && report.steps[0].verdict != Verdict::kTake) {
    const StepReport& asked = report.steps[0];
    if (asked.verdict == Verdict::kNever)
      return Error{Code::kPermission,
                   fmt::format("{} makes things worse here: {}", asked.step.name, asked.step.never)}
          .with_hint("--i-know takes it all the same");
    if (asked.verdict == Verdict::kHeld)
      return Error{Code::kBusy,
                   fmt::format("{} is not taken while {}", asked.step.name, asked.held)}
          .with_hint("end it first; --i-know takes the driver away under it all the same");
    if (asked.verdict == Verdict::kNotHere)
      return Error{Code::kUnsupported, fmt::format("{} is not possible here: {}", asked.step.name,
                                                   asked.step.not_here)};
    if (asked.verdict == Verdict::kNeedsRoot)
      return Error{Code::kPermission, asked.step.name + " needs root"}.with_hint(
          npu::recover_as_root(device.id, asked.step.name));
    return Error{Code::kUnsupported, asked.step.name + " is a person's work: " + asked.step.title};
  }
  // A device that is in order needs no step, and a step taken for nothing costs others their work.
  if (options.only.empty() && canary()) {
    report.mended = true;
    return report;
  }
  if (options.only.empty()) ANYNPU_CHECK(keep_the_pause(options, device, machine.now()));
  ANYNPU_TRY(evidence, save_evidence(machine, device, ladder, options));
  report.evidence = evidence;
  for (StepReport& step : report.steps) {
    // Anew: the first step ends workers, and a canary or a server may have left others since.
    judge_step(machine, options.root, i_know, step);
    if (step.verdict != Verdict::kTake) continue;
    take(machine, hands, device, canary, step);
    if (!*step.canary) continue;
    report.mended = true;
    break;
  }
  return report;
}

Result<int> end_our_workers(const fs::path& run_folder, const std::string& device) {
  ANYNPU_TRY(found, host::find_leftovers(run_folder));
  std::vector<host::OwnProcess> workers = found.orphans;
  workers.insert(workers.end(), found.looked_after.begin(), found.looked_after.end());
  int ended = 0;
  for (const host::OwnProcess& worker : workers) {
    if (worker.role != "worker" || (!device.empty() && worker.device != device)) continue;
    if (!host::end_process(worker.process, kPatience))
      return Error{Code::kDevice, fmt::format("worker {} cannot be ended: it hangs in the kernel",
                                              worker.process.pid)}
          .with_hint("only what frees the kernel helps: a later step, or a reboot");
    ++ended;
  }
  return ended;
}

}  // namespace anynpu::recovery
