// SPDX-License-Identifier: Apache-2.0
// What Prometheus reads at /metrics, over prometheus-cpp's registry.
#include "server/metrics.h"

#include <algorithm>
#include <map>
#include <shared_mutex>
#include <sstream>
#include <unordered_map>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "server/metrics_scrape.h"

namespace anynpu::server {
namespace {

constexpr std::size_t kMostModels = 256;
constexpr std::size_t kMostPlacements = 32;  // of one model
constexpr std::size_t kMostRequestSeries = 2048;
constexpr int kClientClosed = 499;  // the client went away before it was answered

constexpr std::array<std::string_view, 6> kReasons = {"rejected", "cancelled", "timeout",
                                                      "backend",  "input",     "other"};
constexpr std::array<std::string_view, 5> kFallbackReasons = {"hang", "crash", "canary", "down",
                                                              "error"};

struct Step {
  const char* name;
  const char* help;
  double InferenceTimes::*time;
};
constexpr std::array<Step, 6> kSteps = {{
    {"anynpu_queue_seconds", "Waiting for a worker.", &InferenceTimes::queue_ms},
    {"anynpu_decode_seconds", "Decoding the picture.", &InferenceTimes::decode_ms},
    {"anynpu_preprocess_seconds", "Resizing the picture.", &InferenceTimes::preprocess_ms},
    {"anynpu_infer_seconds", "The engine's own time.", &InferenceTimes::infer_ms},
    {"anynpu_postprocess_seconds", "From tensors to labels or boxes.",
     &InferenceTimes::postprocess_ms},
    {"anynpu_total_seconds", "From the request's last byte to its answer.",
     &InferenceTimes::total_ms},
}};

const prometheus::Histogram::BucketBoundaries& buckets() {
  static const prometheus::Histogram::BucketBoundaries seconds = {
      0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
  return seconds;
}

std::string_view known_method(std::string_view method) {
  for (std::string_view known : {"GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"})
    if (method == known) return known;
  return "other";
}

using ModelKey = std::pair<std::string_view, int>;
struct ModelKeyLess {
  using is_transparent = void;
  bool operator()(const auto& a, const auto& b) const {
    return ModelKey(a.first, a.second) < ModelKey(b.first, b.second);
  }
};

struct RequestKey {
  std::string_view route;
  std::string_view method;
  int status = 0;
  bool operator==(const RequestKey&) const = default;
};
struct RequestKeyHash {
  std::size_t operator()(const RequestKey& key) const {
    std::hash<std::string_view> hash;
    return hash(key.route) * 31 + hash(key.method) * 7 + static_cast<std::size_t>(key.status);
  }
};

}  // namespace

std::string_view to_string(ErrorReason reason) {
  return kReasons[static_cast<std::size_t>(reason)];
}

ErrorReason reason_of(Code code) {
  switch (code) {
    case Code::kBusy:
      return ErrorReason::kRejected;
    case Code::kCancelled:
      return ErrorReason::kCancelled;
    case Code::kTimeout:
      return ErrorReason::kTimeout;
    case Code::kCrashed:
    case Code::kDevice:
      return ErrorReason::kBackend;
    case Code::kInvalid:
    case Code::kUnsupported:
    case Code::kTooLarge:
      return ErrorReason::kInput;
    case Code::kNotFound:
    case Code::kPermission:
    case Code::kIo:
    case Code::kInternal:
      break;
  }
  return ErrorReason::kOther;
}

std::string_view fallback_reason(std::string_view words) {
  auto says = [words](std::string_view piece) {
    return words.find(piece) != std::string_view::npos;
  };
  if (says("did not answer within")) return kFallbackReasons[0];
  if (says("the worker ")) return kFallbackReasons[1];
  if (says("the canary")) return kFallbackReasons[2];
  if (says("is not up")) return kFallbackReasons[3];
  return kFallbackReasons[4];
}

struct ModelMetrics::Families {
  explicit Families(prometheus::Registry& registry)
      : answers(prometheus::BuildCounter()
                    .Name("anynpu_inference_requests_total")
                    .Help("Requests that a model answered, by where it ran.")
                    .Register(registry)),
        errors(prometheus::BuildCounter()
                   .Name("anynpu_errors_total")
                   .Help("Requests that a model did not answer, by reason.")
                   .Register(registry)),
        fallbacks(prometheus::BuildCounter()
                      .Name("anynpu_fallbacks_total")
                      .Help("Answers by another placement than the first, by reason.")
                      .Register(registry)) {
    for (const Step& step : kSteps)
      steps.push_back(
          &prometheus::BuildHistogram().Name(step.name).Help(step.help).Register(registry));
  }

  prometheus::Family<prometheus::Counter>& answers;
  prometheus::Family<prometheus::Counter>& errors;
  prometheus::Family<prometheus::Counter>& fallbacks;
  std::vector<prometheus::Family<prometheus::Histogram>*> steps;
};

struct ModelMetrics::Placement {
  std::string device, engine;
  prometheus::Counter* answers = nullptr;
  std::array<prometheus::Histogram*, kSteps.size()> steps = {};
  Placement* next = nullptr;
};

ModelMetrics::ModelMetrics(Families& families, std::string model, std::string version)
    : families_(families), model_(std::move(model)), version_(std::move(version)) {
  // There from the start, so that a first error is a rise and not a new series.
  for (std::size_t i = 0; i < kReasons.size(); ++i)
    errors_[i] = &families_.errors.Add(
        {{"model", model_}, {"version", version_}, {"reason", std::string(kReasons[i])}});
}

ModelMetrics::~ModelMetrics() {
  Placement* each = placements_;
  while (each != nullptr) {
    std::unique_ptr<Placement> owned(each);
    each = owned->next;
  }
}

ModelMetrics::Placement* ModelMetrics::find(std::string_view device,
                                            std::string_view engine) const {
  Placement* each = placements_.load(std::memory_order_acquire);
  while (each != nullptr && (each->device != device || each->engine != engine)) each = each->next;
  return each;
}

ModelMetrics::Placement& ModelMetrics::placement(std::string_view device, std::string_view engine) {
  if (Placement* found = find(device, engine)) return *found;
  std::lock_guard lock(growing_);
  if (Placement* found = find(device, engine)) return *found;
  std::size_t count = 0;
  for (Placement* each = placements_; each != nullptr; each = each->next) ++count;
  auto fresh = std::make_unique<Placement>();
  bool full = count >= kMostPlacements;
  fresh->device = full ? "other" : device;
  fresh->engine = full ? "other" : engine;
  if (full)
    if (Placement* found = find("other", "other")) return *found;
  fresh->answers = &families_.answers.Add({{"model", model_},
                                           {"version", version_},
                                           {"device", fresh->device},
                                           {"engine", fresh->engine}});
  for (std::size_t i = 0; i < kSteps.size(); ++i)
    fresh->steps[i] = &families_.steps[i]->Add(
        {{"model", model_}, {"version", version_}, {"device", fresh->device}}, buckets());
  fresh->next = placements_;
  placements_.store(fresh.get(), std::memory_order_release);
  return *fresh.release();
}

void ModelMetrics::answered(const runtime::Reply& reply, const InferenceTimes& times) {
  Placement& place = placement(reply.device, reply.engine);
  place.answers->Increment();
  for (std::size_t i = 0; i < kSteps.size(); ++i) {
    double ms = times.*kSteps[i].time;
    if (ms >= 0) place.steps[i]->Observe(ms / 1000);
  }
  if (reply.fallback)  // rare: no handle is kept
    families_.fallbacks
        .Add({{"model", model_},
              {"version", version_},
              {"reason", std::string(fallback_reason(*reply.fallback))}})
        .Increment();
}

void ModelMetrics::failed(Code code) {
  void* counter = errors_[static_cast<std::size_t>(reason_of(code))];
  static_cast<prometheus::Counter*>(counter)->Increment();
}

struct Metrics::Impl {
  prometheus::Registry registry;
  ModelMetrics::Families families{registry};
  prometheus::Family<prometheus::Counter>& requests =
      prometheus::BuildCounter()
          .Name("anynpu_requests_total")
          .Help("HTTP requests by route, method and status; 499: the client went away.")
          .Register(registry);
  prometheus::Counter& body_bytes = prometheus::BuildCounter()
                                        .Name("anynpu_http_received_body_bytes_total")
                                        .Help("Bytes of the bodies of requests.")
                                        .Register(registry)
                                        .Add({});
  prometheus::Counter& sent_bytes = prometheus::BuildCounter()
                                        .Name("anynpu_http_sent_bytes_total")
                                        .Help("Bytes of answers, with their headers.")
                                        .Register(registry)
                                        .Add({});

  mutable std::shared_mutex mutex;
  std::map<std::pair<std::string, int>, std::unique_ptr<ModelMetrics>, ModelKeyLess> models;
  std::unique_ptr<ModelMetrics> other_model;
  std::unordered_map<RequestKey, prometheus::Counter*, RequestKeyHash> series;
  std::vector<std::unique_ptr<std::string>> routes;  // what the keys of `series` point to

  prometheus::Counter& add_series(RequestKey key) {
    std::lock_guard lock(mutex);
    if (series.size() >= kMostRequestSeries) key.route = key.method = "other";
    if (auto found = series.find(key); found != series.end()) return *found->second;
    routes.push_back(std::make_unique<std::string>(key.route));
    key.route = *routes.back();
    prometheus::Counter& counter = requests.Add({{"route", std::string(key.route)},
                                                 {"method", std::string(key.method)},
                                                 {"code", std::to_string(key.status)}});
    series.emplace(key, &counter);
    return counter;
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

ModelMetrics& Metrics::of(std::string_view model, int version) {
  ModelKey key(model, version);
  {
    std::shared_lock lock(impl_->mutex);
    auto found = impl_->models.find(key);
    if (found != impl_->models.end()) return *found->second;
  }
  std::lock_guard lock(impl_->mutex);
  if (auto found = impl_->models.find(key); found != impl_->models.end()) return *found->second;
  bool full = impl_->models.size() >= kMostModels;
  if (full && impl_->other_model) return *impl_->other_model;
  std::unique_ptr<ModelMetrics> fresh(new ModelMetrics(impl_->families,
                                                       std::string(full ? "other" : model),
                                                       full ? "other" : std::to_string(version)));
  ModelMetrics& reference = *fresh;
  if (full)
    impl_->other_model = std::move(fresh);
  else
    impl_->models.emplace(key, std::move(fresh));
  return reference;
}

void Metrics::request(const RequestRecord& record) {
  RequestKey key{record.route.empty() ? "other" : record.route, known_method(record.method),
                 record.status == 0 ? kClientClosed : record.status};
  prometheus::Counter* counter = nullptr;
  {
    std::shared_lock lock(impl_->mutex);
    auto found = impl_->series.find(key);
    if (found != impl_->series.end()) counter = found->second;
  }
  if (counter == nullptr) counter = &impl_->add_series(key);
  counter->Increment();
  impl_->body_bytes.Increment(static_cast<double>(record.bytes_in));
  impl_->sent_bytes.Increment(static_cast<double>(record.bytes_out));
}

std::string Metrics::text(const ServerFigures& figures) const {
  std::vector<prometheus::MetricFamily> families = impl_->registry.Collect();
  append_scraped(figures, families);
  std::sort(families.begin(), families.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return std::move(out).str();
}

}  // namespace anynpu::server
