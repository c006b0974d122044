// SPDX-License-Identifier: Apache-2.0
// Headers, and responses as bytes.
#include "server/http_message.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::server {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// "Tue, 15 Nov 1994 08:12:31 GMT", made once a second.
std::string_view http_date() {
  static constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  thread_local std::time_t made = -1;
  thread_local std::string text;
  std::time_t now = std::time(nullptr);
  if (now != made) {
    std::tm utc = {};
    gmtime_r(&now, &utc);
    text = fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                       kDays.at(static_cast<std::size_t>(utc.tm_wday)), utc.tm_mday,
                       kMonths.at(static_cast<std::size_t>(utc.tm_mon)), utc.tm_year + 1900,
                       utc.tm_hour, utc.tm_min, utc.tm_sec);
    made = now;
  }
  return text;
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool has_token(std::string_view value, std::string_view token) {
  while (!value.empty()) {
    std::string_view part = value.substr(0, value.find(','));
    value.remove_prefix(std::min(value.size(), part.size() + 1));
    if (equal_ignoring_case(trim(part), token)) return true;
  }
  return false;
}

std::string_view RequestHead::header(std::string_view name) const {
  for (const Header& header : headers)
    if (equal_ignoring_case(header.name, name)) return header.value;
  return {};
}

std::string RequestHead::media_type() const {
  std::string_view value = header("Content-Type");
  return to_lower(trim(value.substr(0, value.find(';'))));
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return status < 400 ? "OK" : "Error";
  }
}

std::string to_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Response json_response(const Json& json, int status) {
  return json_text_response(to_text(json), status);
}

Response json_text_response(std::string text, int status) {
  Response response;
  response.status = status;
  response.headers.push_back({"Content-Type", "application/json"});
  response.headers.push_back({"Cache-Control", "no-store"});
  response.body = std::move(text);
  response.body += '\n';
  return response;
}

std::string encode_head(const Response& response, std::optional<std::size_t> body_bytes,
                        int http_minor, bool keep_alive) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\nServer: anynpu\r\n",
                                 response.status, reason_phrase(response.status), http_date());
  for (const Header& header : response.headers)
    fmt::format_to(std::back_inserter(head), "{}: {}\r\n", header.name, header.value);
  head += "X-Content-Type-Options: nosniff\r\n";
  if (!body_bytes && http_minor > 0)
    head += "Transfer-Encoding: chunked\r\n";
  else if (body_bytes && response.status != 204 && response.status != 304)
    fmt::format_to(std::back_inserter(head), "Content-Length: {}\r\n", *body_bytes);
  if (!keep_alive)
    head += "Connection: close\r\n";
  else if (http_minor == 0)
    head += "Connection: keep-alive\r\n";
  head += "\r\n";
  return head;
}

}  // namespace anynpu::server
