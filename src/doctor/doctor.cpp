// SPDX-License-Identifier: Apache-2.0
// From the verdicts of checks to root causes.
#include "doctor/doctor.h"

#include <algorithm>
#include <set>

#include "doctor/checks.h"
#include "doctor/runner.h"

namespace anynpu::doctor {
namespace {

using npu::Check;
using npu::Finding;
using npu::Problem;
using npu::Severity;
using npu::Verdict;

Finding finding_of(const Check& check, const Problem& problem) {
  Finding finding;
  finding.id = check.id;
  finding.layer = check.layer;
  finding.severity = check.severity;
  finding.family = check.family;
  finding.device = problem.device;
  finding.evidence = problem.evidence;
  finding.cause = problem.cause.empty() ? std::string(check.cause) : problem.cause;
  finding.remedy = problem.remedy;
  if (finding.remedy.text.empty()) finding.remedy.text = check.fix;
  finding.links.assign(check.links.begin(), check.links.end());
  return finding;
}

void set_status(npu::Device& device, const Finding& finding) {
  if (!finding.device.empty() && finding.device != device.id) return;
  if (finding.device.empty() && finding.family != device.family) return;
  if (device.status == npu::Status::kUnusable && !device.reason.empty()) return;
  if (finding.severity == Severity::kNote) return;
  if (finding.severity == Severity::kDegraded && device.status != npu::Status::kReady) return;
  device.status =
      finding.severity == Severity::kUnusable ? npu::Status::kUnusable : npu::Status::kDegraded;
  device.reason = finding.cause;
  device.finding = finding.id;
  device.hint = finding.remedy.text;
}

/// The check, and all that it depends on.
std::vector<const Check*> with_premises(std::span<const Check* const> checks, std::string_view id) {
  std::set<std::string_view> wanted = {id};
  for (std::size_t before = 0; before != wanted.size();) {
    before = wanted.size();
    for (const Check* check : checks)
      if (wanted.contains(check->id))
        wanted.insert(check->depends_on.begin(), check->depends_on.end());
  }
  std::vector<const Check*> found;
  for (const Check* check : checks)
    if (wanted.contains(check->id)) found.push_back(check);
  return found;
}

}  // namespace

std::string_view to_string(OutcomeState state) {
  switch (state) {
    case OutcomeState::kPassed:
      return "passed";
    case OutcomeState::kSkipped:
      return "skipped";
    case OutcomeState::kUnknown:
      return "unknown";
    case OutcomeState::kFailed:
      return "failed";
    case OutcomeState::kExplained:
      return "explained";
  }
  return "unknown";
}

std::vector<Finding> Diagnosis::findings() const {
  std::vector<Finding> all;
  for (const Outcome& outcome : outcomes)
    all.insert(all.end(), outcome.findings.begin(), outcome.findings.end());
  std::stable_sort(all.begin(), all.end(), [](const Finding& a, const Finding& b) {
    return std::pair(a.severity, a.layer) < std::pair(b.severity, b.layer);
  });
  return all;
}

std::vector<const Outcome*> Diagnosis::unknown() const {
  std::vector<const Outcome*> found;
  for (const Outcome& outcome : outcomes)
    if (outcome.state == OutcomeState::kUnknown) found.push_back(&outcome);
  return found;
}

bool Diagnosis::has_npu() const {
  return std::any_of(devices.begin(), devices.end(),
                     [](const npu::Device& device) { return device.family != "cpu"; });
}

int Diagnosis::exit_code(bool strict) const {
  int code = !failure.empty() || (strict && !unknown().empty()) ? kExitDegraded : kExitOk;
  for (const Finding& finding : findings()) {
    if (finding.severity == Severity::kUnusable) return kExitFailed;
    if (finding.severity == Severity::kDegraded) code = kExitDegraded;
  }
  return code;
}

Outcome outcome_of(const Check& check, const Verdict& verdict, const std::vector<Outcome>& before) {
  Outcome outcome;
  outcome.check = &check;
  outcome.why = verdict.why;
  switch (verdict.state) {
    case Verdict::State::kPass:
      break;
    case Verdict::State::kSkip:
      outcome.state = OutcomeState::kSkipped;
      break;
    case Verdict::State::kUnknown:
      outcome.state = OutcomeState::kUnknown;
      break;
    case Verdict::State::kFail:
      for (const Problem& problem : verdict.problems) {
        std::string premise = explained_by(check, problem.device, before);
        if (premise.empty())
          outcome.findings.push_back(finding_of(check, problem));
        else
          outcome.why = premise;
      }
      outcome.state = outcome.findings.empty() ? OutcomeState::kExplained : OutcomeState::kFailed;
      break;
  }
  return outcome;
}

std::string explained_by(const Check& check, std::string_view device,
                         const std::vector<Outcome>& before) {
  for (const Outcome& outcome : before) {
    if (std::find(check.depends_on.begin(), check.depends_on.end(), outcome.check->id) ==
        check.depends_on.end())
      continue;
    if (outcome.state == OutcomeState::kExplained) return outcome.why;
    for (const Finding& finding : outcome.findings)
      if (finding.device.empty() || device.empty() || finding.device == device) return finding.id;
  }
  return {};
}

Diagnosis diagnose(const host::Machine& machine, std::span<const Check* const> checks,
                   const Options& options) {
  std::vector<const Check*> chosen(checks.begin(), checks.end());
  if (!options.check.empty()) chosen = with_premises(checks, options.check);
  if (!options.family.empty())
    std::erase_if(chosen, [&](const Check* check) {
      return !check->family.empty() && check->family != options.family;
    });
  Diagnosis diagnosis = run_checks(machine, chosen, options);
  if (!options.check.empty())
    std::erase_if(diagnosis.outcomes,
                  [&](const Outcome& outcome) { return outcome.check->id != options.check; });
  if (!options.family.empty())
    std::erase_if(diagnosis.devices, [&](const npu::Device& device) {
      return device.family != "cpu" && device.family != options.family;
    });
  for (npu::Device& device : diagnosis.devices) {
    if (device.family == "cpu" || device.family == "unknown") continue;
    device.status = npu::Status::kReady;
    device.reason.clear();
    device.hint.clear();
    device.finding.clear();
    for (const Finding& finding : diagnosis.findings()) set_status(device, finding);
  }
  return diagnosis;
}

Diagnosis diagnose(const host::Machine& machine, const Options& options) {
  return diagnose(machine, all_checks(), options);
}

}  // namespace anynpu::doctor
