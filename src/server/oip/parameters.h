// SPDX-License-Identifier: Apache-2.0
// Parameters of requests, inputs, outputs and replies: names with a string, a number or a truth
// value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "server/oip/json_reader.h"

namespace anynpu::server::oip {

using ParameterValue = std::variant<bool, std::int64_t, double, std::string>;

struct Parameter {
  std::string name;
  ParameterValue value;
};

using Parameters = std::vector<Parameter>;

inline constexpr std::size_t kMostParameters = 64;  // of one object

/// nullptr when there is none of that name.
const ParameterValue* find_parameter(const Parameters& parameters, std::string_view name);

/// The value of a parameter that must be of one kind; nothing when there is none. `what` names the
/// object in errors: "input 'x'".
Result<std::optional<bool>> bool_parameter(const Parameters& parameters, std::string_view name,
                                           const std::string& what);
Result<std::optional<std::int64_t>> integer_parameter(const Parameters& parameters,
                                                      std::string_view name, std::int64_t least,
                                                      const std::string& what);

/// Reads an object of parameters. Whole numbers that an int64 cannot hold become doubles.
Result<Parameters> read_parameters(JsonReader& reader, const std::string& what);

/// Appends them as a JSON object. Numbers are finite.
void append_parameters(std::string& out, const Parameters& parameters);

}  // namespace anynpu::server::oip
