// SPDX-License-Identifier: Apache-2.0
// The figures of speech in GET /status.
#include <cmath>

#include "mel/kernel.h"
#include "server/speech/routes.h"

namespace anynpu::server {
namespace {

Json rounded_figure(double value) {
  return std::round(value * 10000) / 10000;
}

// How much faster the canary ran where it serves than on the CPU: 1 when that is the CPU.
Json expected_speedup(const runtime::PlacementReport& report) {
  if (report.ranked.empty() || !report.ranked.front().measured) return nullptr;
  if (!report.ranked.front().placement.on_npu()) return 1.0;
  for (const auto* list : {&report.ranked, &report.rejected})
    for (const runtime::Candidate& candidate : *list)
      if (!candidate.placement.on_npu() && candidate.measured && candidate.measured->median_ms > 0)
        return rounded_figure(candidate.measured->median_ms /
                              report.ranked.front().measured->median_ms);
  return nullptr;
}

const ModelStatus* serving(const std::vector<ModelStatus>& models, const std::string& name) {
  for (const ModelStatus& model : models)
    if (model.hosted && model::to_string(model.package.task) == "transcribe" &&
        (name.empty() || model.package.name == name))
      return &model;
  return nullptr;
}

}  // namespace

Json speech_status(const Services& services, SpeechService& speech, const SpeechJobs* jobs) {
  const SpeechFigures figures = speech.figures();
  const std::vector<ModelStatus> models = services.models.status();
  const ModelStatus* model = serving(models, figures.model);
  const std::vector<std::string> names = speech.models().names();
  Json json = {{"status", names.empty() ? "no model" : model == nullptr ? "idle" : "ready"}};
  json["models"] = names;
  json["model"] = model != nullptr ? Json(model->package.name) : Json(nullptr);
  Json fallback = figures.fallback ? Json(*figures.fallback) : Json(false);
  Json why = nullptr;
  json["hardware"] = nullptr;
  json["hardware_name"] = nullptr;
  json["expected_speedup"] = nullptr;
  if (model != nullptr) {
    const runtime::PlacementReport& report = model->hosted->served->placements();
    if (!report.ranked.empty()) {
      const runtime::Placement& placement = report.ranked.front().placement;
      json["hardware"] = placement.on_npu() ? placement.family : "cpu";
      json["hardware_name"] = placement.device;
      for (const npu::Device& device :
           services.find_devices ? services.find_devices() : std::vector<npu::Device>())
        if (device.id == placement.device) json["hardware_name"] = device.title;
      json["engine"] = placement.engine_title();
    }
    json["expected_speedup"] = expected_speedup(report);
    if (!report.no_npu.empty()) why = report.no_npu;
  }
  // Over the CPU, like the expected one; on an NPU nobody runs the same audio on both.
  json["measured_speedup"] = json["hardware"] == "cpu" ? Json(1.0) : Json(nullptr);
  // Of all audio so far, how many seconds of it a second of work was enough for.
  const std::optional<double> factor = figures.real_time_factor();
  json["times_real_time"] = factor && *factor > 0 ? rounded_figure(1 / *factor) : Json(nullptr);
  json["real_time_factor"] = factor ? rounded_figure(*factor) : Json(nullptr);
  json["mel_kernel"] = mel::kernels().front().name;
  json["batch_size"] = figures.batch_windows > 0 ? Json(figures.batch_windows) : Json(nullptr);
  json["queue"] = figures.waiting;
  json["working"] = figures.working;
  json["answered"] = figures.answered;
  json["failed"] = figures.failed;
  json["cancelled"] = figures.cancelled;
  json["audio_seconds"] = rounded_figure(figures.audio_seconds);
  json["busy_seconds"] = rounded_figure(figures.busy_seconds);
  json["open_jobs"] = jobs != nullptr ? Json(jobs->open_jobs()) : Json(nullptr);
  json["fallback"] = fallback;
  json["why_no_npu"] = why;
  return json;
}

}  // namespace anynpu::server
