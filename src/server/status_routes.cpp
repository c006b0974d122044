// SPDX-License-Identifier: Apache-2.0
// GET /health for probes: at once, from the event loop. GET /status for people and for the page.
#include <algorithm>

#include "base/version.h"
#include "server/http_error.h"
#include "server/process_figures.h"
#include "server/services.h"

namespace anynpu::server {
namespace {

struct Health {
  std::string status;  // "ok", "degraded", "starting", "draining", "failed"
  bool ready = false;
};

// A model that somebody asked for later and that failed is no reason to send others away: only the
// models named at the start count.
Health health_of(const Services& services, const std::vector<ModelStatus>& models) {
  if (services.http.draining() || services.models.draining()) return {"draining", false};
  std::size_t loading = 0, failed = 0, ready = 0;
  for (const ModelStatus& model : models) {
    if (!model.named_at_start) continue;
    if (model.state == ModelState::kLoading) ++loading;
    if (model.state == ModelState::kFailed) ++failed;
    if (model.state == ModelState::kReady) ++ready;
  }
  if (loading > 0) return {"starting", false};
  if (failed > 0) return {ready > 0 ? "degraded" : "failed", ready > 0};
  return {"ok", true};
}

Response health(const Services& services) {
  std::vector<ModelStatus> models = services.models.status();
  Health health = health_of(services, models);
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

Json model_json(const ModelStatus& model, const std::string& default_name) {
  Json json = package_json(model.package);
  json["version"] = model.version;
  json["state"] = to_string(model.state);
  json["default"] = model.package.name == default_name;
  json["load_ms"] = model.load_ms;
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

Json device_json(const npu::Device& device) {
  return {{"id", device.id},
          {"family", device.family},
          {"title", device.title},
          {"cores", device.cores},
          {"status", npu::to_string(device.status)},
          {"reason", device.reason},
          {"hint", device.hint},
          {"evidence", device.evidence}};
}

Json status_json(const Services& services) {
  std::vector<ModelStatus> models = services.models.status();
  Health health = health_of(services, models);
  std::string default_name = services.models.default_name();
  Json loaded = Json::array();
  for (const ModelStatus& model : models) loaded.push_back(model_json(model, default_name));
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
      devices.push_back(device_json(device));
  ProcessFigures process = process_figures();
  HttpCounters http = services.http.counters();
  return {{"schema_version", kReportSchemaVersion},
          {"program", "anynpu"},
          {"version", kVersion},
          {"status", health.status},
          {"ready", health.ready},
          {"started", utc_time(services.start_time)},
          {"uptime_s", ms_since(services.start) / 1000},
          {"models", std::move(loaded)},
          {"available", std::move(available)},
          {"devices", std::move(devices)},
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
}

asio::awaitable<Response> status(Services& services) {
  Response response;
  std::function<void()> collect = [&] { response = json_response(status_json(services)); };
  Result<> collected = co_await services.pool.run(Work::kFinish, collect);
  if (!collected) co_return error_response(collected.error());
  co_return response;
}

}  // namespace

void add_status_routes(Router& router, Services& services) {
  router.add_plain("GET", "/health",
                   "Whether it is alive and whether it is ready; 503 when it is not ready.",
                   [&services](RequestContext&) { return health(services); });
  router.add("GET", "/status",
             "Models with their placements and the reasons, devices, figures, recent errors.",
             [&services](RequestContext&) { return status(services); });
}

}  // namespace anynpu::server
