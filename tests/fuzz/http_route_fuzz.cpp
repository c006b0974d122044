// SPDX-License-Identifier: Apache-2.0
// "METHOD target" and headers from untrusted bytes through the router and its gate: every request
// gets an answer, no handler is run for a path that is not its own, and nothing that needs the
// token is answered without it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "base/text.h"
#include "server/router.h"

using namespace anynpu;
using namespace anynpu::server;

namespace {

class Asked : public RequestContext {
 public:
  Asked(std::string method, Target target, std::string_view headers) {
    head_.method = std::move(method);
    head_.target = std::move(target);
    for (const std::string& line : split(headers, '\n')) {
      std::size_t colon = line.find(':');
      if (colon != std::string::npos)
        head_.headers.push_back({line.substr(0, colon), std::string(trim(line.substr(colon + 1)))});
    }
    client_ = "127.0.0.1";
  }
  asio::awaitable<Result<std::string_view>> read_some() override { co_return std::string_view(); }
  std::shared_ptr<std::atomic<bool>> watch_client() override {
    return std::make_shared<std::atomic<bool>>(false);
  }
};

bool secret_answered = false;

void add_routes(Router& router) {
  for (const char* pattern :
       {"/", "/infer", "/v2/models/{model}", "/v2/models/stats",
        "/v2/models/{model}/versions/{version}", "/v2/repository/{repository}/models/{model}/load"})
    router.add_plain(
        "GET", pattern, "",
        [](RequestContext& context) {
          if (context.path_parameter("model") == std::string_view("/")) std::abort();
          return Response();
        },
        Access::kOpen);
  router.add_plain("POST", "/secret/{name}", "", [](RequestContext& context) {
    if (context.path_parameter("name").empty()) std::abort();
    secret_answered = true;
    return Response();
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string_view line = text.substr(0, text.find('\n'));
  std::string_view headers = text.substr(std::min(text.size(), line.size() + 1));
  std::size_t space = std::min(line.find(' '), line.size());
  auto target = parse_target(line.substr(std::min(line.size(), space + 1)));
  if (!target) return 0;
  Gate gate({.token = "t0ken", .origins = {"https://example.org"}, .client_requests = 1});
  Router router;
  add_routes(router);
  router.set_gate(&gate);
  Asked context(std::string(line.substr(0, space)), *target, headers);
  asio::io_context loop;
  Response response;
  response.status = 0;
  secret_answered = false;
  auto run = [&]() -> asio::awaitable<void> {
    std::string_view matched;
    response = co_await router.dispatch(context, matched);
  };
  asio::co_spawn(loop, run(), asio::detached);
  loop.run();
  if (response.status < 200 || response.status > 599) std::abort();
  if (secret_answered && !gate.lets_in(context.head())) std::abort();
  std::string head = encode_head(response, response.body.size(), 1, true);
  if (head.find("\r\n\r\n") != head.size() - 4) std::abort();  // no header was smuggled in
  return 0;
}
