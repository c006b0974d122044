// SPDX-License-Identifier: Apache-2.0
// Values as JSON text.
#include "base/json_text.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

#include "base/report.h"

namespace anynpu {

void append_json(std::string& to, std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
  });
  if (!plain) {
    to += Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
    return;
  }
  to += '"';
  to += text;
  to += '"';
}

void append_json(std::string& to, double number) {
  if (!std::isfinite(number)) {
    to += "null";
    return;
  }
  const std::size_t begin = to.size();
  fmt::format_to(std::back_inserter(to), "{}", number);
  if (to.find_first_of(".e", begin) == std::string::npos) to += ".0";
}

void append_json(std::string& to, std::int64_t number) {
  fmt::format_to(std::back_inserter(to), "{}", number);
}

std::string& JsonObject::name(std::string_view name) {
  to_ += first_ ? "\"" : ",\"";
  first_ = false;
  to_ += name;
  to_ += "\":";
  return to_;
}

}  // namespace anynpu
