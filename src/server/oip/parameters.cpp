// SPDX-License-Identifier: Apache-2.0
// Three kinds of values and nothing nested.
#include "server/oip/parameters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::server::oip {
namespace {

ParameterValue number_of(std::string_view token) {
  const char* end = token.data() + token.size();
  std::int64_t whole = 0;
  if (const auto read = std::from_chars(token.data(), end, whole);
      read.ec == std::errc() && read.ptr == end)
    return whole;
  double real = 0;
  (void)std::from_chars(token.data(), end, real);  // too large or too small for a double stays 0
  return real;
}

Error wrong_kind(std::string_view name, std::string_view needed, const std::string& what) {
  return Error{Code::kInvalid,
               fmt::format("{}: the parameter {} must be {}", what, printable(name, 60), needed)};
}

Result<ParameterValue> read_value(JsonReader& reader, const std::string& name,
                                  const std::string& what) {
  std::string text;
  std::string_view token;
  bool truth = false;
  switch (reader.next_kind()) {
    case JsonReader::Kind::kString:
      reader.read_string(text);
      return ParameterValue(std::move(text));
    case JsonReader::Kind::kNumber:
      if (!reader.read_number(token))
        return ParameterValue(false);  // the reader's error is reported
      return number_of(token);
    case JsonReader::Kind::kBool:
      reader.read_bool(truth);
      return ParameterValue(truth);
    default:
      break;
  }
  return wrong_kind(name, "a string, a number, true or false", what);
}

}  // namespace

const ParameterValue* find_parameter(const Parameters& parameters, std::string_view name) {
  for (const Parameter& parameter : parameters)
    if (parameter.name == name) return &parameter.value;
  return nullptr;
}

Result<std::optional<bool>> bool_parameter(const Parameters& parameters, std::string_view name,
                                           const std::string& what) {
  const ParameterValue* value = find_parameter(parameters, name);
  if (value == nullptr) return std::optional<bool>();
  if (const bool* truth = std::get_if<bool>(value)) return std::optional<bool>(*truth);
  return wrong_kind(name, "true or false", what);
}

Result<std::optional<std::int64_t>> integer_parameter(const Parameters& parameters,
                                                      std::string_view name, std::int64_t least,
                                                      const std::string& what) {
  const ParameterValue* value = find_parameter(parameters, name);
  if (value == nullptr) return std::optional<std::int64_t>();
  const std::int64_t* number = std::get_if<std::int64_t>(value);
  if (number != nullptr && *number >= least) return std::optional<std::int64_t>(*number);
  return wrong_kind(name, fmt::format("a whole number, {} or more", least), what);
}

Result<Parameters> read_parameters(JsonReader& reader, const std::string& what) {
  Parameters parameters;
  std::string name;
  if (reader.begin_object()) {
    while (reader.next_key(name)) {
      if (find_parameter(parameters, name) != nullptr)
        return Error{Code::kInvalid,
                     fmt::format("{}: the parameter {} is given twice", what, printable(name, 60))};
      if (parameters.size() == kMostParameters)
        return Error{Code::kTooLarge,
                     fmt::format("{} has more than {} parameters", what, kMostParameters)};
      ANYNPU_TRY(value, read_value(reader, name, what));
      parameters.push_back({name, std::move(value)});
    }
  }
  if (reader.failed()) return Error(reader.error()).within(what);
  return parameters;
}

void append_parameters(std::string& out, const Parameters& parameters) {
  out += '{';
  for (const Parameter& parameter : parameters) {
    if (&parameter != &parameters.front()) out += ',';
    append_json_string(out, parameter.name);
    out += ':';
    std::array<char, 40> digits;
    char* const end = digits.data() + digits.size();
    if (const bool* truth = std::get_if<bool>(&parameter.value))
      out += *truth ? "true" : "false";
    else if (const std::string* text = std::get_if<std::string>(&parameter.value))
      append_json_string(out, *text);
    else if (const std::int64_t* whole = std::get_if<std::int64_t>(&parameter.value))
      out.append(digits.data(), std::to_chars(digits.data(), end, *whole).ptr);
    else
      out.append(digits.data(),
                 std::to_chars(digits.data(), end, std::get<double>(parameter.value)).ptr);
  }
  out += '}';
}

}  // namespace anynpu::server::oip
