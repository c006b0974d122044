// SPDX-License-Identifier: Apache-2.0
// GET /health for probes: at once, from the event loop. GET /status for people and for the page.
#include <algorithm>

#include "base/utc_time.h"
#include "base/version.h"
#include "server/health.h"
#include "server/http_error.h"
#include "server/process_figures.h"
#include "server/recent_times.h"
#include "server/services.h"

namespace anynpu::server {
namespace {

Health health_now(const Services& services, const std::vector<ModelStatus>& models) {
  if (services.http.draining() || services.models.draining()) return {"draining", false};
  return health_of(models);
}

Response health(const Services& services) {
  std::vector<ModelStatus> models = services.models.status();
  Health health = health_now(services, models);
  Json list = Json::array();
  for (const ModelStatus& model : models)
    list.push_back({{"name", model.package.name},
                    {"version", model.version},
                    {"state", to_string(model.state)}});
  Response response = json_response({{"status", health.status},
                                     {"live", true},
                                     {"ready", health.ready},
                                     {"models", std::move(list)}},
                                    health.ready ? 200 : 503);
  if (!health.ready) response.headers.push_back({"Retry-After", "1"});
  return response;
}

Json package_json(const model::Package& package) {
  return {{"name", package.name},
          {"title", package.title},
          {"task", model::to_string(package.task)},
          {"license", package.license}};
}

Json model_json(const Services& services, const ModelStatus& model,
                const std::string& default_name) {
  Json json = package_json(model.package);
  json["version"] = model.version;
  json["state"] = to_string(model.state);
  json["default"] = model.package.name == default_name;
  json["load_ms"] = model.load_ms;
  json["replacing"] = model.replacing;
  json["labels"] = model.labels;
  json["share"] = model.share ? Json(*model.share) : Json(nullptr);
  json["lately"] = services.times == nullptr
                       ? Json(nullptr)
                       : services.times->to_json(model.package.name, model.version);
  if (model.error)
    json["error"] = {{"code", to_string(model.error->code)},
                     {"message", model.error->message},
                     {"hint", model.error->hint}};
  if (model.hosted) {
    const runtime::ServedModel& served = *model.hosted->served;
    if (model.hosted->image)
      json["input"] = {{"width", model.hosted->image->input_width()},
                       {"height", model.hosted->image->input_height()}};
    Json figures = runtime::to_json(served);
    for (auto& [key, value] : figures.items())
      if (!json.contains(key)) json[key] = value;
  }
  return json;
}

Json device_json(const npu::Device& device, const std::vector<ModelStatus>& models) {
  npu::Status status = device.status;
  std::string reason = device.reason;
  for (const ModelStatus& model : models) {
    if (!model.hosted) continue;
    for (const runtime::DeviceCircuit& circuit : model.hosted->served->circuits())
      if (circuit.device == device.id && circuit.circuit != runtime::Circuit::kClosed) {
        status = npu::Status::kQuarantined;
        reason = circuit.reason;
      }
  }
  return {{"id", device.id},
          {"family", device.family},
          {"title", device.title},
          {"cores", device.cores},
          {"status", npu::to_string(status)},
          {"reason", reason},
          {"hint", device.hint},
          {"finding", device.finding.empty() ? Json() : Json(device.finding)},
          {"evidence", device.evidence}};
}

Json status_json(const Services& services) {
  std::vector<ModelStatus> models = services.models.status();
  Health health = health_now(services, models);
  std::string default_name = services.models.default_name();
  Json loaded = Json::array();
  for (const ModelStatus& model : models)
    loaded.push_back(model_json(services, model, default_name));
  Json available = Json::array();
  for (const model::Package& package : services.models.available()) {
    Json json = package_json(package);
    json["version"] = package.latest().number;
    json["default"] = package.name == default_name;
    available.push_back(std::move(json));
  }
  Json devices = Json::array();
  if (services.find_devices)
    for (const npu::Device& device : services.find_devices())
      devices.push_back(device_json(device, models));
  ProcessFigures process = process_figures();
  HttpCounters http = services.http.counters();
  Json json = {
      {"schema_version", kReportSchemaVersion},
      {"program", "anynpu"},
      {"version", kVersion},
      {"status", health.status},
      {"ready", health.ready},
      {"started", utc_time(services.start_time)},
      {"uptime_s", ms_since(services.start) / 1000},
      {"models", std::move(loaded)},
      {"available", std::move(available)},
      {"devices", std::move(devices)},
      {"findings", services.find_findings ? services.find_findings() : Json::array()},
      {"server",
       {{"connections", http.connections},
        {"in_flight", http.in_flight},
        {"connections_total", http.accepted},
        {"connections_refused", http.refused},
        {"requests_total", http.requests},
        {"decode_waiting", services.pool.waiting()}}},
      {"process",
       {{"rss_bytes", process.rss_bytes}, {"fds", process.fds}, {"threads", process.threads}}},
      {"recent_errors", services.errors.to_json()}};
  if (!services.find_speech) return json;
  // Clients of a speech server look for its figures at the top.
  Json speech = services.find_speech();
  for (auto& [key, value] : speech.items())
    if (!json.contains(key)) json[key] = value;
  json["speech"] = std::move(speech);
  return json;
}

asio::awaitable<Response> status(Services& services) {
  Response response;
  std::function<void()> collect = [&] { response = json_response(status_json(services)); };
  Result<> collected = co_await services.pool.run(Work::kFinish, collect);
  if (!collected) co_return error_response(collected.error());
  co_return response;
}

}  // namespace

void add_health_route(Router& router, Services& services) {
  router.add_plain(
      "GET", "/health", "Whether it is alive and whether it is ready; 503 when it is not ready.",
      [&services](RequestContext&) { return health(services); }, Access::kOpen);
  router.add_plain(
      "GET", "/health/live", "200 as long as the server answers at all.",
      [](RequestContext&) {
        return json_response({{"live", true}});
      },
      Access::kOpen);
}

void add_status_routes(Router& router, Services& services) {
  add_health_route(router, services);
  router.add("GET", "/status",
             "Models with their placements and the reasons, devices, figures, recent errors.",
             [&services](RequestContext&) { return status(services); });
}

}  // namespace anynpu::server
