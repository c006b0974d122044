// SPDX-License-Identifier: Apache-2.0
// Metrics: what Prometheus reads at /metrics.
//
// What happens is counted when it happens, through handles that cost some ten nanoseconds; what is
// (queues, placements, memory) is read when somebody asks. Names and units follow Prometheus'
// rules: base units, _total and _info. No label has a value that a client chose, so the number of
// series is bounded by the routes, the models and the placements that there are.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/served_model.h"
#include "server/http_server.h"
#include "server/speech/figures.h"

namespace anynpu::server {

/// The values of the label `reason` of anynpu_errors_total.
enum class ErrorReason { kRejected, kCancelled, kTimeout, kBackend, kInput, kOther };
std::string_view to_string(ErrorReason reason);
ErrorReason reason_of(Code code);

/// The label `reason` of anynpu_fallbacks_total: "hang", "crash", "canary", "down" or "error", from
/// the words with which the runtime explains a fallback (runtime::Reply::fallback).
std::string_view fallback_reason(std::string_view words);

/// How long the steps of one answered request took, in milliseconds. A step that it did not have
/// (a tensor is not decoded) is negative and not observed.
struct InferenceTimes {
  double queue_ms = -1;
  double decode_ms = -1;
  double preprocess_ms = -1;
  double infer_ms = -1;
  double postprocess_ms = -1;
  double total_ms = -1;
};

class Metrics;

/// The counts of one version of one model. Any thread.
class ModelMetrics {
 public:
  ~ModelMetrics();
  ModelMetrics(const ModelMetrics&) = delete;
  ModelMetrics& operator=(const ModelMetrics&) = delete;

  void answered(const runtime::Reply& reply, const InferenceTimes& times);
  void failed(Code code);

 private:
  friend class Metrics;
  struct Placement;
  struct Families;
  ModelMetrics(Families& families, std::string model, std::string version);
  Placement& placement(std::string_view device, std::string_view engine);
  Placement* find(std::string_view device, std::string_view engine) const;

  Families& families_;
  std::string model_, version_;
  std::array<void*, 6> errors_ = {};              // prometheus::Counter, by ErrorReason
  std::atomic<Placement*> placements_ = nullptr;  // a list that only grows
  std::mutex growing_;
};

/// What is, when the metrics are asked for.
struct ModelFigures {
  std::string model;
  int version = 0;
  bool ready = false;
  runtime::Counters counters = {};
  std::vector<runtime::Placement> placements = {};  // in their order: the first serves
};

struct ServerFigures {
  HttpCounters http;
  std::size_t decode_waiting = 0;
  std::vector<ModelFigures> models;
  std::vector<runtime::DeviceCircuit> circuits = {};  // of devices that were in quarantine
  std::optional<SpeechFigures> speech = std::nullopt;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// Valid as long as this. After some hundred models the rest share one, called "other".
  ModelMetrics& of(std::string_view model, int version);

  /// One HTTP request, for the observer of HttpServer.
  void request(const RequestRecord& record);

  /// The text exposition format, version 0.0.4.
  std::string text(const ServerFigures& figures) const;

  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace anynpu::server
