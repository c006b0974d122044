// SPDX-License-Identifier: Apache-2.0
// Tokens, origins and counts.
#include "server/gate.h"

#include <algorithm>

#include <fmt/format.h>

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
