// SPDX-License-Identifier: Apache-2.0
// Matches paths with patterns, segment by segment; literal segments win over {names}.
#include "server/router.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"
#include "server/error_face.h"

namespace anynpu::server {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

bool is_place(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

// The parameters when the path has the pattern's shape. `literals` counts the segments that are
// equal, so that the most exact pattern can be chosen.
std::optional<Parameters> match(const std::string& pattern,
                                const std::vector<std::string>& segments, std::size_t& literals) {
  Parameters found;
  literals = 0;
  std::string_view rest = std::string_view(pattern).substr(1);
  for (const std::string& segment : segments) {
    if (rest.empty()) return std::nullopt;
    std::string_view wanted = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), wanted.size() + 1));
    if (is_place(wanted) && !segment.empty()) {
      found.emplace_back(wanted.substr(1, wanted.size() - 2), segment);
    } else if (wanted == segment) {
      ++literals;
    } else {
      return std::nullopt;
    }
  }
  if (!rest.empty()) return std::nullopt;
  return found;
}

void add_once(std::vector<std::string>& words, const std::string& word) {
  if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
}

}  // namespace

void Router::add(std::string method, std::string pattern, std::string summary, Handler handler,
                 Access access) {
  routes_.push_back(
      {std::move(method), std::move(pattern), std::move(summary), std::move(handler), access});
}

void Router::add_plain(std::string method, std::string pattern, std::string summary,
                       std::function<Response(RequestContext&)> handler, Access access) {
  add(
      std::move(method), std::move(pattern), std::move(summary),
      [handler = std::move(handler)](RequestContext& context) -> asio::awaitable<Response> {
        co_return handler(context);
      },
      access);
}

asio::awaitable<Response> Router::dispatch(RequestContext& context,
                                           std::string_view& matched) const {
  const std::string& method = context.head().method;
  const Route* best = nullptr;
  std::size_t most = 0;
  std::vector<std::string> allowed;
  for (const Route& route : routes_) {
    std::size_t literals = 0;
    std::optional<Parameters> parameters =
        match(route.pattern, context.head().target.segments, literals);
    if (!parameters) continue;
    add_once(allowed, route.method);
    if (route.method == "GET") add_once(allowed, "HEAD");
    bool fits = route.method == method || (route.method == "GET" && method == "HEAD");
    if (!fits || (best != nullptr && literals <= most)) continue;
    best = &route;
    most = literals;
    context.path_parameters_ = std::move(*parameters);
  }
  Response response;
  if (best == nullptr) {
    response = refuse(context, allowed);
  } else {
    matched = best->pattern;
    context.gate_ = gate_;
    if (gate_ == nullptr) co_return co_await best->handler(context);
    response = co_await pass(context, *best);
  }
  if (gate_ != nullptr) gate_->add_cors(context.head(), response);
  co_return response;
}

asio::awaitable<Response> Router::pass(RequestContext& context, const Route& route) const {
  if (route.access == Access::kOpen) co_return co_await route.handler(context);
  if (route.access == Access::kToken && !gate_->lets_in(context.head()))
    co_return gate_->unauthorized(context.head().target.path);
  if (gate_->is_foreign_page(context.head()) || gate_->is_foreign_name(context.head()))
    co_return gate_->foreign(context.head());
  if (!gate_->enter(context.client())) co_return gate_->too_many(context.head().target.path);
  struct Leave {
    Gate& gate;
    const std::string& client;
    ~Leave() { gate.leave(client); }
  } leave{*gate_, context.client()};
  co_return co_await route.handler(context);
}

Response Router::refuse(const RequestContext& context,
                        const std::vector<std::string>& allowed) const {
  const RequestHead& head = context.head();
  std::vector<std::string> methods = allowed;
  if (head.method == "OPTIONS" && (!methods.empty() || head.target.path == "*")) {
    if (methods.empty()) methods = {"GET", "HEAD", "POST"};
    methods.emplace_back("OPTIONS");
    if (gate_ != nullptr)
      if (auto answer = gate_->preflight(head, join(methods, ", "))) return std::move(*answer);
    Response response;
    response.status = 204;
    response.headers.push_back({"Allow", join(methods, ", ")});
    return response;
  }
  if (!methods.empty()) {
    Response response = error_response(
        error_face(head.target.path),
        Error{Code::kUnsupported,
              fmt::format("{} does not take {}", printable(head.target.path, 100), head.method)}
            .with_hint("use " + join(allowed, " or ")),
        405);
    methods.emplace_back("OPTIONS");
    response.headers.push_back({"Allow", join(methods, ", ")});
    return response;
  }
  std::vector<std::string> patterns;
  for (const Route& route : routes_) add_once(patterns, route.pattern);
  std::string nearest = did_you_mean(head.target.path.substr(0, 200), patterns);
  return error_response(
      error_face(head.target.path),
      Error{Code::kNotFound, fmt::format("there is no {}", printable(head.target.path, 100))}
          .with_hint(nearest.empty() ? "GET / describes what there is"
                                     : fmt::format("did you mean {} ?", nearest)));
}

}  // namespace anynpu::server
