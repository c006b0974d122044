// SPDX-License-Identifier: Apache-2.0
// Reads request targets. RFC 3986 for the escapes, the WHATWG URL standard for '+' in queries.
#include "server/query.h"

#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::server {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Of "http://host:80/path?x": "/path?x".
std::string_view without_authority(std::string_view target) {
  std::size_t scheme = target.find("://");
  std::size_t mark = target.find_first_of("/?");
  if (scheme == std::string_view::npos || mark != scheme + 1) return target;
  std::size_t path = target.find_first_of("/?", scheme + 3);
  return path == std::string_view::npos ? std::string_view("/") : target.substr(path);
}

}  // namespace

std::optional<std::string> Target::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters)
    if (key == name) return value;
  return std::nullopt;
}

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0)
        return Error{Code::kInvalid,
                     "the address has a '%' that two hexadecimal digits must follow"}
            .with_hint("write a '%' itself as %25");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      return Error{Code::kInvalid, "the address has a control character"};
    out += c;
  }
  if (printable(out, out.size()) != out)
    return Error{Code::kInvalid, "the address is not valid UTF-8"};
  return out;
}

Result<Target> parse_target(std::string_view target) {
  if (target.size() > kMostTargetBytes)
    return Error{Code::kTooLarge,
                 fmt::format("the address is longer than {} bytes", kMostTargetBytes)};
  target = without_authority(target);
  if (target.empty() || (target.front() != '/' && target.front() != '?' && target != "*"))
    return Error{Code::kInvalid, "the address does not start with '/'"};

  std::string_view path = target.substr(0, target.find('?'));
  std::string_view query = path.size() < target.size() ? target.substr(path.size() + 1) : "";
  Target parsed;
  if (!path.empty()) {
    ANYNPU_TRY(decoded, percent_decode(path, false));
    parsed.path = std::move(decoded);
    path.remove_prefix(path.front() == '/' ? 1 : 0);
  }
  if (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  if (!path.empty()) {
    for (const std::string& part : split(path, '/')) {
      ANYNPU_TRY(segment, percent_decode(part, false));
      parsed.segments.push_back(std::move(segment));
    }
  }
  while (!query.empty()) {
    std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    if (parsed.parameters.size() == kMostParameters)
      return Error{Code::kInvalid,
                   fmt::format("the address has more than {} parameters", kMostParameters)};
    std::string_view name = pair.substr(0, pair.find('='));
    std::string_view value = name.size() < pair.size() ? pair.substr(name.size() + 1) : "";
    ANYNPU_TRY(decoded_name, percent_decode(name, true));
    ANYNPU_TRY(decoded_value, percent_decode(value, true));
    parsed.parameters.emplace_back(std::move(decoded_name), std::move(decoded_value));
  }
  return parsed;
}

Result<long> parse_integer(std::string_view name, std::string_view text, long least, long most) {
  long value = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || value < least || value > most)
    return Error{Code::kInvalid, fmt::format("{}={} is not a whole number from {} to {}", name,
                                             printable(text, 40), least, most)};
  return value;
}

Result<double> parse_number(std::string_view name, std::string_view text, double least,
                            double most) {
  double value = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || !std::isfinite(value) ||
      value < least || value > most)
    return Error{Code::kInvalid, fmt::format("{}={} is not a number from {} to {}", name,
                                             printable(text, 40), least, most)};
  return value;
}

}  // namespace anynpu::server
