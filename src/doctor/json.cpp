// SPDX-License-Identifier: Apache-2.0
// Findings, devices and outcomes as JSON.
#include "doctor/json.h"

namespace anynpu::doctor {
namespace {

using npu::Problem;
using npu::Remedy;
using npu::Verdict;

Json remedy_json(const Remedy& remedy) {
  return {{"text", remedy.text},
          {"commands", remedy.commands},
          {"needs_root", remedy.needs_root},
          {"needs_reboot", remedy.needs_reboot},
          {"risk", remedy.risk.empty() ? Json() : Json(remedy.risk)}};
}

Remedy remedy_from(const Json& json) {
  Remedy remedy;
  remedy.text = json.at("text").get<std::string>();
  remedy.commands = json.at("commands").get<std::vector<std::string>>();
  remedy.needs_root = json.at("needs_root").get<bool>();
  remedy.needs_reboot = json.at("needs_reboot").get<bool>();
  if (json.at("risk").is_string()) remedy.risk = json.at("risk").get<std::string>();
  return remedy;
}

npu::Status status_from(const std::string& word) {
  for (npu::Status status :
       {npu::Status::kReady, npu::Status::kDegraded, npu::Status::kQuarantined})
    if (word == npu::to_string(status)) return status;
  return npu::Status::kUnusable;
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

}  // namespace

Json to_json(const npu::Finding& finding) {
  return {{"id", finding.id},
          {"severity", npu::to_string(finding.severity)},
          {"layer", npu::to_string(finding.layer)},
          {"family", text_or_null(finding.family)},
          {"device", text_or_null(finding.device)},
          {"cause", finding.cause},
          {"evidence", finding.evidence},
          {"remedy", remedy_json(finding.remedy)},
          {"links", finding.links}};
}

Json to_json(const npu::Device& device) {
  return {{"id", device.id},
          {"family", device.family},
          {"title", device.title},
          {"cores", device.cores},
          {"status", npu::to_string(device.status)},
          {"reason", device.reason},
          {"hint", text_or_null(device.hint)},
          {"finding", text_or_null(device.finding)},
          {"features", device.features},
          {"nodes", device.nodes},
          {"system_path", text_or_null(device.system_path)},
          {"evidence", device.evidence}};
}

npu::Device device_from(const Json& json) {
  npu::Device device;
  device.id = json.at("id").get<std::string>();
  device.family = json.at("family").get<std::string>();
  device.title = json.at("title").get<std::string>();
  device.cores = json.at("cores").get<int>();
  device.status = status_from(json.at("status").get<std::string>());
  device.reason = json.at("reason").get<std::string>();
  if (json.at("hint").is_string()) device.hint = json.at("hint").get<std::string>();
  if (json.at("finding").is_string()) device.finding = json.at("finding").get<std::string>();
  device.features = json.at("features").get<std::vector<std::string>>();
  device.nodes = json.at("nodes").get<std::vector<std::string>>();
  if (json.at("system_path").is_string())
    device.system_path = json.at("system_path").get<std::string>();
  device.evidence = json.at("evidence").get<std::vector<std::string>>();
  return device;
}

Json to_json(const Verdict& verdict) {
  Json problems = Json::array();
  for (const Problem& problem : verdict.problems)
    problems.push_back({{"device", problem.device},
                        {"evidence", problem.evidence},
                        {"cause", problem.cause},
                        {"remedy", remedy_json(problem.remedy)}});
  return {{"state", static_cast<int>(verdict.state)}, {"why", verdict.why}, {"problems", problems}};
}

Verdict verdict_from(const Json& json) {
  Verdict verdict;
  verdict.state = static_cast<Verdict::State>(json.at("state").get<int>());
  verdict.why = json.at("why").get<std::string>();
  for (const Json& problem : json.at("problems"))
    verdict.problems.push_back({problem.at("device").get<std::string>(),
                                problem.at("evidence").get<std::vector<std::string>>(),
                                problem.at("cause").get<std::string>(),
                                remedy_from(problem.at("remedy"))});
  return verdict;
}

void write(const Diagnosis& diagnosis, bool strict, Report& report) {
  Json devices = Json::array();
  for (const npu::Device& device : diagnosis.devices) devices.push_back(to_json(device));
  Json findings = Json::array();
  for (const npu::Finding& finding : diagnosis.findings()) findings.push_back(to_json(finding));
  Json unknown = Json::array();
  for (const Outcome* outcome : diagnosis.unknown())
    unknown.push_back({{"id", outcome->check->id}, {"why", outcome->why}});
  report.data("devices", devices);
  report.data("findings", findings);
  report.data("unknown", unknown);
  report.data("failure", text_or_null(diagnosis.failure));
  report.data("exit_code", diagnosis.exit_code(strict));
}

}  // namespace anynpu::doctor
