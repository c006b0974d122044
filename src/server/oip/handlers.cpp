// SPDX-License-Identifier: Apache-2.0
// Errors, bodies and models for the handlers.
#include "server/oip/handlers.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "server/oip/errors.h"

namespace anynpu::server::oip {
namespace {

constexpr std::uint64_t kMostReserved = 1 << 20;  // a length that was announced may be a lie

}  // namespace

Response error_response(const Error& error) {
  Response response;
  response.status = status_of(error.code);
  response.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
  if (response.status == 503) response.headers.push_back({"Retry-After", "1"});
  response.body = error_body(error);
  response.error = error;
  return response;
}

asio::awaitable<Result<std::string>> read_body(RequestContext& context, std::size_t most_bytes) {
  const std::string_view coding = context.head().header("Content-Encoding");
  if (!coding.empty() && !equal_ignoring_case(coding, "identity"))
    co_return Error{Code::kUnsupported,
                    fmt::format("the body has the content encoding '{}'", printable(coding, 40))}
        .with_hint("send it as it is");
  std::string body;
  const std::uint64_t announced = context.head().content_length.value_or(0);
  body.reserve(static_cast<std::size_t>(std::min(announced, kMostReserved)));
  while (true) {
    Result<std::string_view> bytes = co_await context.read_some();
    if (!bytes) co_return std::move(bytes).error();
    if (bytes->empty()) break;
    if (bytes->size() > most_bytes - body.size())
      co_return Error{Code::kTooLarge,
                      fmt::format("the request is larger than {}", human_bytes(most_bytes))};
    body.append(*bytes);
  }
  co_return body;
}

asio::awaitable<Result<ModelDirectory::Hosted>> find_model(Shared services, std::string name,
                                                           std::string version,
                                                           TimePoint deadline) {
  ModelDirectory::Hosted loaded = services->models->loaded(name, version);
  if (loaded) co_return loaded;
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  std::function<void(ModelDirectory::Done)> start = [&](const ModelDirectory::Done& settle) {
    const ModelDirectory::Done done = by_deadline<ModelDirectory::Hosted>(
        executor, deadline, Error{Code::kTimeout, "the model was not loaded in time"}, settle);
    Result<> posted = services->server.pool.post(Work::kStart, [services, name, version, done] {
      services->models->find(name, version, done);
    });
    if (!posted) done(std::move(posted).error());
  };
  co_return co_await await_callback<Result<ModelDirectory::Hosted>>(std::move(start));
}

}  // namespace anynpu::server::oip
