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

#include "server/gate.h"
#include "server/request_context.h"

namespace anynpu::server {

using Handler = std::function<asio::awaitable<Response>(RequestContext&)>;

/// Who may ask, where the gate asks for a token.
enum class Access {
  kToken,  // who has the token
  kOpen,   // everybody: probes, and the files of the page
  kOwn,    // the handler looks for itself
};

struct Route {
  std::string method;
  std::string pattern;  // segments; {name} stands for any one segment that is not empty
  std::string summary;  // one line, for the API's description
  Handler handler;
  Access access = Access::kToken;
};

class Router {
 public:
  void add(std::string method, std::string pattern, std::string summary, Handler handler,
           Access access = Access::kToken);
  /// A handler that answers at once.
  void add_plain(std::string method, std::string pattern, std::string summary,
                 std::function<Response(RequestContext&)> handler, Access access = Access::kToken);

  /// Asked before every handler; borrowed for the router's life. Without one everybody may.
  void set_gate(Gate* gate) { gate_ = gate; }

  const std::vector<Route>& routes() const { return routes_; }

  /// Runs the handler. Sets the path parameters of `context`, and `matched` to the route's pattern
  /// (empty when there is none), which stays valid as long as the router.
  asio::awaitable<Response> dispatch(RequestContext& context, std::string_view& matched) const;

  /// Adds to an answer that is none of dispatch()'s what a browser must see of it.
  void add_cors(const RequestHead& head, Response& response) const {
    if (gate_ != nullptr) gate_->add_cors(head, response);
  }

 private:
  Response refuse(const RequestContext& context, const std::vector<std::string>& allowed) const;
  asio::awaitable<Response> pass(RequestContext& context, const Route& route) const;

  std::vector<Route> routes_;
  Gate* gate_ = nullptr;
};

}  // namespace anynpu::server
