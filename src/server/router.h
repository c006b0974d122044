// SPDX-License-Identifier: Apache-2.0
// Router: which handler answers a method and a path.
//
//   router.add("GET", "/v2/models/{model}/ready", "Whether a model answers", handler);
//
// HEAD is answered by GET's handler, OPTIONS by the router. A path that is not there is 404 with
// the nearest one that is; a method that is not there is 405 with Allow.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "server/request_context.h"

namespace anynpu::server {

using Handler = std::function<asio::awaitable<Response>(RequestContext&)>;

struct Route {
  std::string method;
  std::string pattern;  // segments; {name} stands for any one segment that is not empty
  std::string summary;  // one line, for the API's description
  Handler handler;
};

class Router {
 public:
  void add(std::string method, std::string pattern, std::string summary, Handler handler);
  /// A handler that answers at once.
  void add_plain(std::string method, std::string pattern, std::string summary,
                 std::function<Response(RequestContext&)> handler);

  const std::vector<Route>& routes() const { return routes_; }

  /// Runs the handler. Sets the path parameters of `context`, and `matched` to the route's pattern
  /// (empty when there is none), which stays valid as long as the router.
  asio::awaitable<Response> dispatch(RequestContext& context, std::string_view& matched) const;

 private:
  Response refuse(const RequestContext& context, const std::vector<std::string>& allowed) const;

  std::vector<Route> routes_;
};

}  // namespace anynpu::server
