// SPDX-License-Identifier: Apache-2.0
// The target of a request: percent-decoded path and query parameters, from untrusted bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace anynpu::server {

inline constexpr std::size_t kMostTargetBytes = 8192;
inline constexpr std::size_t kMostParameters = 64;

struct Target {
  std::string path = "/";             // decoded; starts with '/'
  std::vector<std::string> segments;  // of the path, decoded one by one: "a%2Fb" is one segment
  std::vector<std::pair<std::string, std::string>> parameters;  // decoded, in their order

  /// The first parameter of that name; nothing when there is none.
  std::optional<std::string> parameter(std::string_view name) const;
};

/// Reads "/path?name=value&flag", or the absolute form "http://host/path". A bad escape, a control
/// character, invalid UTF-8 or too many parameters is Code::kInvalid.
Result<Target> parse_target(std::string_view target);

/// Decodes %XX, and '+' as a space where `plus_is_space`.
Result<std::string> percent_decode(std::string_view text, bool plus_is_space);

/// Whole decimal numbers within the bounds. `name` is for the error.
Result<long> parse_integer(std::string_view name, std::string_view text, long least, long most);
Result<double> parse_number(std::string_view name, std::string_view text, double least,
                            double most);

}  // namespace anynpu::server
