// SPDX-License-Identifier: Apache-2.0
// The model repository extension: what there is, loaded and unloaded by request.
#include <fmt/format.h>

#include "base/text.h"
#include "server/oip/handlers.h"
#include "server/oip/metadata.h"
#include "server/oip/parameters.h"

namespace anynpu::server::oip {
namespace {

constexpr std::size_t kMostBodyBytes = 1 << 20;

/// The body of index: {"ready": bool}, all of it optional.
Result<bool> wants_only_ready(const std::string& body) {
  if (trim(body).empty()) return false;
  bool ready = false;
  std::string key;
  JsonReader reader(body);
  reader.begin_object();
  while (reader.next_key(key)) {
    if (key != "ready")
      reader.skip();
    else if (reader.next_kind() != JsonReader::Kind::kBool)
      reader.fail("\"ready\" must be true or false");
    else
      reader.read_bool(ready);
  }
  if (!reader.finish()) return reader.error();
  return ready;
}

/// The body of load and unload: {"parameters": {...}}, all of it optional.
Result<Parameters> read_request(const std::string& body) {
  Parameters parameters;
  if (trim(body).empty()) return parameters;
  std::string key;
  JsonReader reader(body);
  reader.begin_object();
  while (reader.next_key(key)) {
    if (key != "parameters") {
      reader.skip();
      continue;
    }
    ANYNPU_TRY(read, read_parameters(reader, "the request"));
    parameters = std::move(read);
  }
  if (!reader.finish()) return reader.error();
  return parameters;
}

Response done_response() {
  Response response;
  response.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
  response.body = "{}\n";
  return response;
}

asio::awaitable<Response> index(Shared services, RequestContext& context) {
  Result<std::string> body = co_await read_body(context, kMostBodyBytes);
  if (!body) co_return error_response(body.error());
  Result<bool> only_ready = wants_only_ready(*body);
  if (!only_ready) co_return error_response(only_ready.error());
  Response response;
  std::function<void()> list = [&] {
    response = json_response(repository_index(services->models->index(), *only_ready));
  };
  Result<> listed = co_await services->server.pool.run(Work::kStart, list);
  if (!listed) co_return error_response(listed.error());
  co_return response;
}

asio::awaitable<Response> load(Shared services, RequestContext& context) {
  std::string name(context.path_parameter("model"));
  Result<std::string> body = co_await read_body(context, kMostBodyBytes);
  if (!body) co_return error_response(body.error());
  Result<Parameters> parameters = read_request(*body);
  if (!parameters) co_return error_response(parameters.error());
  for (const Parameter& parameter : *parameters)
    if (parameter.name == "config" || parameter.name.starts_with("file:"))
      co_return error_response(
          Error{Code::kUnsupported,
                fmt::format("models are not loaded from a request (the parameter {})",
                            printable(parameter.name, 60))}
              .with_hint("put the package into the store of the server's machine"));
  std::function<void(std::function<void(Result<>)>)> start =
      [&](const std::function<void(Result<>)>& done) {
        Result<> posted = services->server.pool.post(
            Work::kStart, [services, name, done] { services->models->load(name, done); });
        if (!posted) done(std::move(posted));
      };
  Result<> loaded = co_await await_callback<Result<>>(std::move(start));
  if (!loaded) co_return error_response(Error(loaded.error()).within("failed to load"));
  co_return done_response();
}

asio::awaitable<Response> unload(Shared services, RequestContext& context) {
  std::string name(context.path_parameter("model"));
  Result<std::string> body = co_await read_body(context, kMostBodyBytes);
  if (!body) co_return error_response(body.error());
  Result<Parameters> parameters = read_request(*body);
  if (!parameters) co_return error_response(parameters.error());
  Result<> unloaded;
  std::function<void()> end = [&] { unloaded = services->models->unload(name); };
  Result<> ran = co_await services->server.pool.run(Work::kStart, end);
  if (!ran) unloaded = std::move(ran);
  if (!unloaded) co_return error_response(unloaded.error());
  co_return done_response();
}

}  // namespace

void add_repository_routes(Router& router, const Shared& services) {
  // The name of a repository is allowed by the protocol; there is one.
  for (const std::string base : {"/v2/repository", "/v2/repository/{repository}"}) {
    router.add("POST", base + "/index", "Every model with its state.",
               [services](RequestContext& context) { return index(services, context); });
    router.add("POST", base + "/models/{model}/load", "Loads a model.",
               [services](RequestContext& context) { return load(services, context); });
    router.add("POST", base + "/models/{model}/unload", "Ends a model.",
               [services](RequestContext& context) { return unload(services, context); });
  }
}

}  // namespace anynpu::server::oip
