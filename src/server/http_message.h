// SPDX-License-Identifier: Apache-2.0
// What an HTTP request says before its body, and what is answered.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/report.h"
#include "base/result.h"
#include "server/query.h"

namespace anynpu::server {

struct Header {
  std::string name;
  std::string value;
};

/// The first line and the headers.
struct RequestHead {
  std::string method;  // "GET"; upper case as sent
  Target target;
  int http_minor = 1;  // HTTP/1.N
  std::vector<Header> headers;
  std::optional<std::uint64_t> content_length;
  bool chunked = false;

  /// The value of the first header of that name in any case; empty when there is none.
  std::string_view header(std::string_view name) const;
  /// The media type of the body in lower case, without its parameters: "image/jpeg".
  std::string media_type() const;
};

struct Response {
  int status = 200;
  std::vector<Header> headers;
  std::string body;
  std::string_view asset;      // when not empty: the body, of static storage
  std::optional<Error> error;  // why the status is not a good one, for the log
};

/// "Not Found"
std::string_view reason_phrase(int status);

/// As one line; names of strangers may be in it: what is not UTF-8 is replaced.
std::string to_text(const Json& json);
Response json_response(const Json& json, int status = 200);
/// `text` is JSON already.
Response json_text_response(std::string text, int status = 200);

/// The first line and the headers, ready to be sent. `body_bytes` is what Content-Length says;
/// without it the body comes in chunks (HTTP/1.1), or ends with the connection (HTTP/1.0).
std::string encode_head(const Response& response, std::optional<std::size_t> body_bytes,
                        int http_minor, bool keep_alive);

bool equal_ignoring_case(std::string_view a, std::string_view b);
/// Whether a comma-separated header value has the word, in any case.
bool has_token(std::string_view value, std::string_view token);

}  // namespace anynpu::server
