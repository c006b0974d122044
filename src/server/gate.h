// SPDX-License-Identifier: Apache-2.0
// Gate: who may ask for what: a bearer token (RFC 6750), pages of other origins (CORS), and how
// many requests of one client are answered at one time. Off unless it is configured.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http_message.h"

namespace anynpu::server {

struct GateRules {
  std::string token;                 // empty: none is asked for
  std::vector<std::string> origins;  // "https://example.org"; "*" is every one
  bool on_loopback = false;          // it listens for this machine's own programs only
  std::size_t client_requests = 0;   // of one address at one time; over it: 429; 0: no limit
};

class Gate {
 public:
  explicit Gate(GateRules rules) : rules_(std::move(rules)) {}

  bool asks_for_token() const { return !rules_.token.empty(); }
  /// In a time that does not depend on how much of it is right.
  bool is_token(std::string_view word) const;
  /// Whether `Authorization: Bearer` has the token, or none is asked for.
  bool lets_in(const RequestHead& head) const;
  /// 401 with WWW-Authenticate.
  Response unauthorized(std::string_view path) const;

  /// Whether a browser sends this for a page of another origin that is not in the list, and it
  /// would change or cost something. Without a token nothing else holds such a page back: a browser
  /// asks for no leave before a plain form or an empty POST, and only hides the answer.
  bool is_foreign_page(const RequestHead& head) const;
  /// Whether this came to a loopback address under a name that is none of this machine's: a page
  /// whose own name was made to point here (DNS rebinding) is of the same origin to its browser.
  /// Addresses, names without a dot, localhost, this machine's name and the hosts of the list are
  /// its own.
  bool is_foreign_name(const RequestHead& head) const;
  /// 403.
  Response foreign(const RequestHead& head) const;

  /// Adds what a browser must see before it gives an answer to a page of another origin.
  void add_cors(const RequestHead& head, Response& response) const;
  /// The answer to a preflight (OPTIONS with Access-Control-Request-Method) of an origin that may;
  /// nothing for what is no such thing. `methods`: of the path, "POST, OPTIONS".
  std::optional<Response> preflight(const RequestHead& head, const std::string& methods) const;

  /// One request of a client; false when it has too many already. leave() for each that was true.
  bool enter(const std::string& client);
  void leave(const std::string& client);
  /// 429.
  Response too_many(std::string_view path) const;

 private:
  std::string_view allowed_origin(const RequestHead& head) const;

  const GateRules rules_;
  std::mutex mutex_;
  std::map<std::string, std::size_t> clients_;  // that have requests now
};

}  // namespace anynpu::server
