// SPDX-License-Identifier: Apache-2.0
// Tokens, origins and counts.
#include "server/gate.h"

#include <algorithm>
#include <array>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"
#include "server/error_face.h"

namespace anynpu::server {

bool Gate::is_token(std::string_view word) const {
  unsigned difference = word.size() == rules_.token.size() ? 0 : 1;
  for (std::size_t i = 0; i < rules_.token.size(); ++i) {
    char c = i < word.size() ? word[i] : '\0';
    difference |= static_cast<unsigned char>(c ^ rules_.token[i]);
  }
  return difference == 0 && !rules_.token.empty();
}

bool Gate::lets_in(const RequestHead& head) const {
  if (!asks_for_token()) return true;
  constexpr std::string_view kScheme = "bearer ";
  std::string_view value = head.header("Authorization");
  if (value.size() < kScheme.size() ||
      !equal_ignoring_case(value.substr(0, kScheme.size()), kScheme))
    return false;
  return is_token(trim(value.substr(kScheme.size())));
}

Response Gate::unauthorized(std::string_view path) const {
  Response response =
      error_response(error_face(path),
                     Error{Code::kPermission, "this server asks for a token"}.with_hint(
                         "send it as: Authorization: Bearer TOKEN"),
                     401);
  response.headers.push_back({"WWW-Authenticate", "Bearer realm=\"anynpu\""});
  return response;
}

bool Gate::is_foreign_page(const RequestHead& head) const {
  const bool is_safe = head.method == "GET" || head.method == "HEAD" || head.method == "OPTIONS";
  if (is_safe || asks_for_token() || !allowed_origin(head).empty()) return false;
  // What the browser itself says, which no proxy changes; it says so over https and to localhost.
  const std::string_view site = head.header("Sec-Fetch-Site");
  if (!site.empty()) return site != "same-origin" && site != "none";
  const std::string_view origin = head.header("Origin");
  if (origin.empty()) return false;
  const std::size_t host = origin.find("://");
  return host == std::string_view::npos ||
         !equal_ignoring_case(origin.substr(host + 3), head.header("Host"));
}

bool Gate::is_foreign_name(const RequestHead& head) const {
  if (!rules_.on_loopback || asks_for_token()) return false;
  std::string name = to_lower(head.header("Host"));
  if (name.empty() || name.front() == '[') return false;
  name.resize(std::min(name.size(), name.find(':')));
  if (name.find('.') == std::string::npos) return false;  // no name of the Internet
  in_addr ignored = {};
  if (name.ends_with(".localhost") || name.ends_with(".local") ||
      ::inet_pton(AF_INET, name.c_str(), &ignored) == 1)
    return false;
  std::array<char, 256> own{};
  if (::gethostname(own.data(), own.size() - 1) == 0 && equal_ignoring_case(name, own.data()))
    return false;
  return std::none_of(rules_.origins.begin(), rules_.origins.end(), [&](const std::string& each) {
    std::string host = to_lower(each.substr(std::min(each.size(), each.find("://") + 3)));
    host.resize(std::min(host.size(), host.find(':')));
    return each == "*" || host == name;
  });
}

Response Gate::foreign(const RequestHead& head) const {
  std::string from = printable(head.header("Origin"), 100);
  if (from.empty()) from = "http://" + printable(head.header("Host"), 100);
  return error_response(
      error_face(head.target.path),
      Error{Code::kPermission, fmt::format("pages of {} may not ask this server", from)}.with_hint(
          "name their origin in server.cors_origins, or set a token"),
      403);
}

std::string_view Gate::allowed_origin(const RequestHead& head) const {
  std::string_view origin = head.header("Origin");
  if (origin.empty()) return {};
  for (const std::string& each : rules_.origins) {
    if (each == "*") return "*";
    if (equal_ignoring_case(each, origin)) return origin;
  }
  return {};
}

void Gate::add_cors(const RequestHead& head, Response& response) const {
  if (rules_.origins.empty()) return;
  response.headers.push_back({"Vary", "Origin"});
  std::string_view origin = allowed_origin(head);
  if (origin.empty()) return;
  response.headers.push_back({"Access-Control-Allow-Origin", std::string(origin)});
  response.headers.push_back({"Access-Control-Expose-Headers",
                              "X-Request-Id, Retry-After, Inference-Header-Content-Length"});
}

std::optional<Response> Gate::preflight(const RequestHead& head, const std::string& methods) const {
  if (head.method != "OPTIONS" || head.header("Access-Control-Request-Method").empty() ||
      allowed_origin(head).empty())
    return std::nullopt;
  Response response;
  response.status = 204;
  response.headers = {
      {"Allow", methods},
      {"Access-Control-Allow-Methods", methods},
      {"Access-Control-Allow-Headers",
       "Authorization, Content-Type, Inference-Header-Content-Length, X-Request-Id"},
      {"Access-Control-Max-Age", "600"}};
  return response;
}

bool Gate::enter(const std::string& client) {
  if (rules_.client_requests == 0) return true;
  std::lock_guard lock(mutex_);
  std::size_t& count = clients_[client];
  if (count >= rules_.client_requests) return false;
  ++count;
  return true;
}

void Gate::leave(const std::string& client) {
  if (rules_.client_requests == 0) return;
  std::lock_guard lock(mutex_);
  auto at = clients_.find(client);
  if (at != clients_.end() && --at->second == 0) clients_.erase(at);
}

Response Gate::too_many(std::string_view path) const {
  return error_response(
      error_face(path),
      Error{Code::kBusy, fmt::format("{} requests of this client are being answered already",
                                     rules_.client_requests)}
          .with_hint("wait for an answer before the next request"),
      429);
}

}  // namespace anynpu::server
