// SPDX-License-Identifier: Apache-2.0
// What the doctor says to people: a tired one has to find the command within ten seconds.
#include "doctor/text.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::doctor {
namespace {

using npu::Finding;
using npu::Remedy;
using npu::Severity;

std::string_view mark(Severity severity) {
  switch (severity) {
    case Severity::kUnusable:
      return "✗";
    case Severity::kDegraded:
      return "!";
    case Severity::kNote:
      return "i";
  }
  return "i";
}

std::string_view mark(npu::Status status) {
  if (status == npu::Status::kReady) return "✓";
  return status == npu::Status::kDegraded ? "!" : "✗";
}

std::string needs(const Remedy& remedy) {
  std::vector<std::string> words;
  if (remedy.needs_root) words.emplace_back("needs root");
  if (remedy.needs_reboot) words.emplace_back("needs a reboot");
  return words.empty() ? "" : " (" + join(words, ", ") + ")";
}

void write_finding(const Finding& finding, Report& report) {
  report.line("");
  std::string whose = finding.device.empty() ? finding.family : finding.device;
  report.line(fmt::format("{} {}{}{}", mark(finding.severity), whose, whose.empty() ? "" : ": ",
                          finding.cause));
  for (const std::string& fact : finding.evidence) report.line("    seen: " + fact);
  report.line(fmt::format("    fix:  {}{}", finding.remedy.text, needs(finding.remedy)));
  for (const std::string& command : finding.remedy.commands) report.line("          " + command);
  if (!finding.remedy.risk.empty()) report.line("    risk: " + finding.remedy.risk);
  report.line(fmt::format("    more: anynpu explain {}", finding.id));
}

}  // namespace

std::string summary(const Diagnosis& diagnosis) {
  std::size_t count = 0, usable = 0;
  std::string name;
  for (const npu::Device& device : diagnosis.devices) {
    if (device.family == "cpu") continue;
    ++count;
    name = device.id;
    usable += device.status == npu::Status::kReady || device.status == npu::Status::kDegraded;
  }
  if (!diagnosis.failure.empty()) return diagnosis.failure;
  if (count == 0)
    return diagnosis.exit_code() == kExitOk ? "no NPU on this machine"
                                            : "no usable NPU on this machine";
  if (count == 1) return fmt::format("{} is {}", name, usable == 1 ? "usable" : "not usable");
  return fmt::format("{} of {} NPUs {} usable", usable, count, usable == 1 ? "is" : "are");
}

void write_text(const Diagnosis& diagnosis, std::string_view single_check, Report& report) {
  for (const npu::Device& device : diagnosis.devices) {
    if (device.family == "cpu" && diagnosis.has_npu()) continue;
    if (device.family == "cpu") {
      report.line(fmt::format("{}; models run on the CPU: {}, {} cores{}", summary(diagnosis),
                              device.title, device.cores,
                              device.features.empty() ? "" : ", " + join(device.features, " ")));
      continue;
    }
    report.line(fmt::format("{} {}  {}  {}{}", mark(device.status), device.id, device.title,
                            npu::to_string(device.status),
                            device.family == "unknown" ? ": " + device.reason : ""));
  }
  if (!diagnosis.failure.empty()) report.line(diagnosis.failure);
  for (const Finding& finding : diagnosis.findings()) write_finding(finding, report);
  auto unknown = diagnosis.unknown();
  if (!unknown.empty()) {
    report.line("");
    // One reason is often that of many: without the kernel log half of them cannot be told.
    std::vector<std::pair<std::string, std::string>> reasons;  // why, ids
    for (const Outcome* outcome : unknown) {
      auto same = std::find_if(reasons.begin(), reasons.end(),
                               [&](const auto& reason) { return reason.first == outcome->why; });
      if (same == reasons.end())
        reasons.emplace_back(outcome->why, outcome->check->id);
      else
        same->second += ", " + std::string(outcome->check->id);
    }
    for (const auto& [why, ids] : reasons)
      report.line(fmt::format("? {} could not be checked, because {}", ids, why));
  }
  if (single_check.empty()) return;
  for (const Outcome& outcome : diagnosis.outcomes) {
    if (outcome.state == OutcomeState::kPassed)
      report.line(fmt::format("✓ {}: {}", outcome.check->id, outcome.check->title));
    if (outcome.state == OutcomeState::kSkipped)
      report.line(fmt::format("- {}: {}", outcome.check->id, outcome.why));
    if (outcome.state == OutcomeState::kExplained)
      report.line(
          fmt::format("- {}: not looked at, because of {}", outcome.check->id, outcome.why));
  }
}

void explain(const npu::Check& check, Report& report) {
  auto fact = [&](std::string_view key, std::string_view title, std::string_view text) {
    if (!text.empty()) report.fact(key, title, Cell(text));
  };
  fact("id", "Finding", check.id);
  fact("family", "Family", check.family);
  fact("layer", "Layer", npu::to_string(check.layer));
  fact("severity", "Severity", npu::to_string(check.severity));
  fact("title", "When all is well", check.title);
  fact("symptom", "What you see", check.symptom);
  fact("cause", "Why", check.cause);
  fact("fix", "What to do", check.fix);
  std::vector<std::string> premises(check.depends_on.begin(), check.depends_on.end());
  report.fact("depends_on", premises.empty() ? "" : "Explained by",
              Cell(Json(premises), join(premises, ", ")));
  std::vector<std::string> links(check.links.begin(), check.links.end());
  report.fact("links", links.empty() ? "" : "See also",
              Cell(Json(links), join(links, "\n          ")));
}

}  // namespace anynpu::doctor
