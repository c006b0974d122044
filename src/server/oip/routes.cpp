// SPDX-License-Identifier: Apache-2.0
// Health, metadata and statistics, and the list of all routes.
#include "server/oip/routes.h"

#include <fmt/format.h>

#include "base/text.h"
#include "server/oip/handlers.h"
#include "server/oip/metadata.h"

namespace anynpu::server::oip {
namespace {

/// A model and a version as the path names them; the version may be empty.
struct Named {
  std::string model, version;
};

/// A label stands for its version's number; what is no label stays as it is.
Named named_in(const OipServices& services, const RequestContext& context) {
  Named named{std::string(context.path_parameter("model")),
              std::string(context.path_parameter("version"))};
  if (named.version.empty()) return named;
  auto no_header = [](std::string_view) { return std::string_view(); };
  if (auto number = services.models->pick(named.model, named.version, no_header))
    named.version = *number;
  return named;
}

Error not_there(const Named& named) {
  std::string what = fmt::format("there is no model '{}'", printable(named.model, 64));
  if (!named.version.empty()) what += fmt::format(" of version '{}'", printable(named.version, 40));
  return Error{Code::kNotFound, what}.with_hint("POST /v2/repository/index lists what there is");
}

bool matches(const Named& named, const ModelEntry& entry) {
  return entry.name == named.model && (named.version.empty() || entry.version == named.version);
}

Response server_ready(const OipServices& services) {
  if (services.models->ready()) return json_response({{"ready", true}});
  return error_response(Error{Code::kBusy, "the server is not ready"});
}

/// The names of all models, loaded or not.
Json model_list(const std::vector<ModelEntry>& index) {
  Json names = Json::array();
  for (const ModelEntry& entry : index)
    if (names.empty() || names.back() != entry.name) names.push_back(entry.name);
  return {{"models", std::move(names)}};
}

Response ready_of(const std::vector<ModelEntry>& index, const Named& named) {
  const ModelEntry* found = nullptr;
  for (const ModelEntry& entry : index) {
    if (!matches(named, entry)) continue;
    if (found == nullptr || entry.loaded_or_loading) found = &entry;
  }
  if (found == nullptr) return error_response(not_there(named));
  const std::string reason = found->reason.empty() ? "not ready" : found->reason;
  return error_response(Error{Code::kBusy, fmt::format("model '{}': {}", named.model, reason)});
}

/// "model_stats" of what is loaded and matches; a name that matches nothing is not there.
Response stats_of(const OipServices& services, const std::vector<ModelEntry>& index,
                  const Named& named) {
  Json list = Json::array();
  bool known = named.model.empty();
  for (const ModelEntry& entry : index) {
    if (!named.model.empty() && !matches(named, entry)) continue;
    known = true;
    if (entry.loaded_or_loading && entry.state == ModelState::kReady)
      list.push_back(services.statistics.to_json(entry.name, entry.version));
  }
  if (!known) return error_response(not_there(named));
  return json_response({{"model_stats", std::move(list)}});
}

/// Runs `make` on the work pool with the index, which may read the disk.
asio::awaitable<Response> with_index(Shared services,
                                     std::function<Response(const std::vector<ModelEntry>&)> make) {
  Response response;
  std::function<void()> work = [&] { response = make(services->models->index()); };
  Result<> worked = co_await services->server.pool.run(Work::kStart, work);
  if (!worked) co_return error_response(worked.error());
  co_return response;
}

asio::awaitable<Response> model_ready(Shared services, RequestContext& context) {
  Named named = named_in(*services, context);
  if (ModelDirectory::Hosted hosted = services->models->loaded(named.model, named.version)) {
    if (hosted->served->ready()) co_return json_response({{"name", named.model}, {"ready", true}});
    co_return error_response(
        Error{Code::kBusy,
              fmt::format("model '{}' asks for an NPU, and all that it could use are in quarantine",
                          named.model)});
  }
  std::function<Response(const std::vector<ModelEntry>&)> make =
      [&](const std::vector<ModelEntry>& index) { return ready_of(index, named); };
  co_return co_await with_index(services, make);
}

asio::awaitable<Response> model_stats(Shared services, RequestContext& context) {
  Named named = named_in(*services, context);
  std::function<Response(const std::vector<ModelEntry>&)> make =
      [&](const std::vector<ModelEntry>& index) { return stats_of(*services, index, named); };
  co_return co_await with_index(services, make);
}

asio::awaitable<Response> model_description(Shared services, RequestContext& context) {
  Named named = named_in(*services, context);
  Result<ModelDirectory::Hosted> hosted = co_await find_model(
      services, named.model, named.version, Clock::now() + services->server.infer_time);
  if (!hosted) co_return error_response(hosted.error());
  std::function<Response(const std::vector<ModelEntry>&)> make =
      [&](const std::vector<ModelEntry>& index) {
        return json_response(model_metadata(*(*hosted)->served, index));
      };
  co_return co_await with_index(services, make);
}

asio::awaitable<Response> all_models(Shared services) {
  std::function<Response(const std::vector<ModelEntry>&)> make =
      [](const std::vector<ModelEntry>& index) { return json_response(model_list(index)); };
  co_return co_await with_index(services, make);
}

}  // namespace

void add_oip_routes(Router& router, const std::shared_ptr<OipServices>& services) {
  router.add_plain("GET", "/v2", "The server's name, version and extensions.",
                   [](RequestContext&) { return json_response(server_metadata()); });
  router.add_plain(
      "GET", "/v2/health/live", "Whether the server is alive.",
      [](RequestContext&) {
        return json_response({{"live", true}});
      },
      Access::kOpen);
  router.add_plain(
      "GET", "/v2/health/ready", "Whether the server is ready; 503 when it is not.",
      [services](RequestContext&) { return server_ready(*services); }, Access::kOpen);
  router.add("GET", "/v2/models", "The names of all models.",
             [services](RequestContext&) { return all_models(services); });
  router.add("GET", "/v2/models/stats", "The statistics of all models.",
             [services](RequestContext& context) { return model_stats(services, context); });
  for (const std::string base : {"/v2/models/{model}", "/v2/models/{model}/versions/{version}"}) {
    router.add("GET", base, "A model's inputs and outputs.", [services](RequestContext& context) {
      return model_description(services, context);
    });
    router.add("GET", base + "/ready", "Whether a model is ready; 503 when it is not.",
               [services](RequestContext& context) { return model_ready(services, context); });
    router.add("GET", base + "/stats", "The statistics of a model.",
               [services](RequestContext& context) { return model_stats(services, context); });
    router.add("POST", base + "/infer", "Tensors or pictures in, tensors out; JSON or binary.",
               [services](RequestContext& context) { return infer(services, context); });
  }
  add_repository_routes(router, services);
}

void add_oip_routes(Router& router, Services& services, Metrics* metrics) {
  add_oip_routes(router,
                 std::make_shared<OipServices>(services, metrics, directory_of(services.models)));
}

}  // namespace anynpu::server::oip
