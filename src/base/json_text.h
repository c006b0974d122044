// SPDX-License-Identifier: Apache-2.0
// JSON as text at once, for answers that there are many of: a Json (base/report.h) of thirty values
// is a hundred blocks of memory, which cost more than all else that is done for an answer.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace anynpu {

/// Appends `text` in quotes; what is not UTF-8 is replaced.
void append_json(std::string& to, std::string_view text);
/// The shortest text that reads as that number; null for what is none.
void append_json(std::string& to, double number);
void append_json(std::string& to, std::int64_t number);

/// An object, closed with the end of this.
class JsonObject {
 public:
  explicit JsonObject(std::string& to) : to_(to) { to_ += '{'; }
  ~JsonObject() { to_ += '}'; }
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;

  /// What is appended to the result is the value of that name, which needs no escaping.
  std::string& name(std::string_view name);

  template <typename Value>
  void add(std::string_view key, const Value& value) {
    std::string& to = name(key);
    if constexpr (std::same_as<Value, bool>)
      to += value ? "true" : "false";
    else if constexpr (std::is_null_pointer_v<Value>)
      to += "null";
    else if constexpr (std::is_integral_v<Value>)
      append_json(to, static_cast<std::int64_t>(value));
    else if constexpr (std::is_floating_point_v<Value>)
      append_json(to, static_cast<double>(value));
    else
      append_json(to, std::string_view(value));
  }

 private:
  std::string& to_;
  bool first_ = true;
};

/// A list, each value as `append` appends it.
template <typename Range, typename Append>
void append_json_list(std::string& to, const Range& values, const Append& append) {
  to += '[';
  bool first = true;
  for (const auto& value : values) {
    if (!first) to += ',';
    first = false;
    append(to, value);
  }
  to += ']';
}

}  // namespace anynpu
