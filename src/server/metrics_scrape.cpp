// SPDX-License-Identifier: Apache-2.0
// The metrics that are read when somebody asks.
#include "server/metrics_scrape.h"

#include <utility>

#include "base/version.h"
#include "server/process_figures.h"

namespace anynpu::server {
namespace {

using Labels = std::vector<prometheus::ClientMetric::Label>;

/// One family under construction.
class Family {
 public:
  Family(prometheus::MetricType type, std::string name, std::string help) {
    family_.type = type;
    family_.name = std::move(name);
    family_.help = std::move(help);
  }
  void add(Labels labels, double value) {
    prometheus::ClientMetric& metric = family_.metric.emplace_back();
    metric.label = std::move(labels);
    if (family_.type == prometheus::MetricType::Counter)
      metric.counter.value = value;
    else
      metric.gauge.value = value;
  }
  /// A family without a metric is left out.
  void end(std::vector<prometheus::MetricFamily>& families) {
    if (!family_.metric.empty()) families.push_back(std::move(family_));
  }

 private:
  prometheus::MetricFamily family_;
};

using Families = std::vector<prometheus::MetricFamily>;
constexpr auto kGauge = prometheus::MetricType::Gauge;
constexpr auto kCounter = prometheus::MetricType::Counter;

void one(Families& families, prometheus::MetricType type, std::string name, std::string help,
         double value) {
  Family family(type, std::move(name), std::move(help));
  family.add({}, value);
  family.end(families);
}

void append_models(const std::vector<ModelFigures>& models, Families& families) {
  Family ready(kGauge, "anynpu_model_ready", "1 when the model answers.");
  Family in_flight(kGauge, "anynpu_in_flight",
                   "Requests that were accepted and are not answered yet.");
  Family depth(kGauge, "anynpu_queue_depth", "Requests that wait for a worker.");
  Family restarts(kCounter, "anynpu_worker_restarts_total", "Workers that were lost.");
  Family batches(kCounter, "anynpu_batches_total", "Runs; each answers one request or more.");
  Family placements(kGauge, "anynpu_placement_info",
                    "Where the model runs: rank 0 serves, the next ones are its fallbacks.");
  for (const ModelFigures& model : models) {
    Labels labels = {{"model", model.model}, {"version", std::to_string(model.version)}};
    ready.add(labels, model.ready ? 1 : 0);
    if (!model.ready) continue;
    in_flight.add(labels, static_cast<double>(model.counters.in_flight));
    depth.add(labels, static_cast<double>(model.counters.queued));
    restarts.add(labels, static_cast<double>(model.counters.worker_restarts));
    batches.add(labels, static_cast<double>(model.counters.batches));
    for (std::size_t rank = 0; rank < model.placements.size(); ++rank) {
      const runtime::Placement& placement = model.placements[rank];
      Labels more = labels;
      more.push_back({"rank", std::to_string(rank)});
      more.push_back({"device", placement.device});
      more.push_back({"engine", placement.engine_title()});
      more.push_back({"artifact", placement.artifact.file});
      placements.add(std::move(more), 1);
    }
  }
  for (Family* family : {&ready, &in_flight, &depth, &restarts, &batches, &placements})
    family->end(families);
}

void append_circuits(const std::vector<runtime::DeviceCircuit>& circuits, Families& families) {
  Family quarantined(kGauge, "anynpu_device_quarantined",
                     "1 while no worker may use the device but one that probes it.");
  Family opened(kCounter, "anynpu_device_quarantines_total",
                "How often the device was put into quarantine.");
  for (const runtime::DeviceCircuit& circuit : circuits) {
    const Labels labels = {{"device", circuit.device}};
    quarantined.add(labels, circuit.circuit == runtime::Circuit::kClosed ? 0 : 1);
    opened.add(labels, static_cast<double>(circuit.opened));
  }
  for (Family* family : {&quarantined, &opened}) family->end(families);
}

void append_http(const ServerFigures& figures, Families& families) {
  const HttpCounters& http = figures.http;
  one(families, kGauge, "anynpu_connections", "Connections that are open.",
      static_cast<double>(http.connections));
  one(families, kCounter, "anynpu_connections_total", "Connections that were accepted.",
      static_cast<double>(http.accepted));
  one(families, kCounter, "anynpu_connections_refused_total", "Connections over the limit.",
      static_cast<double>(http.refused));
  one(families, kGauge, "anynpu_requests_in_flight", "HTTP requests that are being answered.",
      static_cast<double>(http.in_flight));
  one(families, kGauge, "anynpu_decode_waiting", "Jobs that wait for a thread of the work pool.",
      static_cast<double>(figures.decode_waiting));
}

void append_speech(const SpeechFigures& speech, Families& families) {
  one(families, kGauge, "anynpu_speech_working", "Transcriptions at work.",
      static_cast<double>(speech.working));
  one(families, kGauge, "anynpu_speech_waiting", "Transcriptions that wait for a place.",
      static_cast<double>(speech.waiting));
  one(families, kGauge, "anynpu_speech_open_jobs", "Jobs that are not done.",
      static_cast<double>(speech.open_jobs));
  one(families, kCounter, "anynpu_speech_audio_seconds_total", "Audio that was transcribed.",
      speech.audio_seconds);
  one(families, kCounter, "anynpu_speech_busy_seconds_total",
      "Work on it: by the audio's seconds it is the real-time factor.", speech.busy_seconds);
  if (const auto factor = speech.real_time_factor())
    one(families, kGauge, "anynpu_speech_real_time_factor",
        "Work by audio since the start; below 1 is faster than real time.", *factor);
  Family ended(kCounter, "anynpu_speech_transcriptions_total", "Transcriptions, by their end.");
  ended.add({{"end", "answered"}}, static_cast<double>(speech.answered));
  ended.add({{"end", "failed"}}, static_cast<double>(speech.failed));
  ended.add({{"end", "cancelled"}}, static_cast<double>(speech.cancelled));
  ended.end(families);
}

// The names that Prometheus' own client libraries use.
void append_process(Families& families) {
  ProcessFigures process = process_figures();
  one(families, kGauge, "process_resident_memory_bytes", "Resident memory, without workers.",
      static_cast<double>(process.rss_bytes));
  one(families, kGauge, "process_open_fds", "Open file descriptors.",
      static_cast<double>(process.fds));
  one(families, kGauge, "process_max_fds", "The limit on open file descriptors.",
      static_cast<double>(process.max_fds));
  one(families, kGauge, "process_threads", "Threads.", static_cast<double>(process.threads));
  one(families, kCounter, "process_cpu_seconds_total", "CPU time, user and system.",
      process.cpu_seconds);
  one(families, kGauge, "process_start_time_seconds", "When the process started, since 1970.",
      process.start_time_seconds);
}

std::string architecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#else
  return "other";
#endif
}

}  // namespace

void append_scraped(const ServerFigures& figures, Families& families) {
  append_models(figures.models, families);
  append_circuits(figures.circuits, families);
  append_http(figures, families);
  if (figures.speech) append_speech(*figures.speech, families);
  append_process(families);
  Family build(kGauge, "anynpu_build_info", "What is running.");
  build.add({{"version", kVersion}, {"architecture", architecture()}}, 1);
  build.end(families);
}

}  // namespace anynpu::server
