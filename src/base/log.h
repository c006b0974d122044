// SPDX-License-Identifier: Apache-2.0
// Logging to standard error. The levels have a meaning for the user: an error or a warning that the
// user can mend is followed by a hint with the next step.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

#include <spdlog/spdlog.h>

#include "base/result.h"

namespace anynpu::log {

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;
using Level = spdlog::level::level_enum;

/// `level` is "debug", "info", "warn", "error" or "off". `format` is "text", or "json": one object
/// a line with time, level, message and fields. Where journald reads standard error the lines carry
/// their priority, and no time, because journald adds its own.
Result<> set_up(std::string_view level, std::string_view format = "text");

/// A named value of a record: name=value as text, a member of "fields" as JSON.
struct Field {
  std::string_view name;
  std::string value;
  bool is_text = true;

  Field(std::string_view key, std::string_view text) : name(key), value(text) {}
  Field(std::string_view key, const char* text) : name(key), value(text) {}
  Field(std::string_view key, const std::string& text) : name(key), value(text) {}
  Field(std::string_view key, bool yes)
      : name(key), value(yes ? "true" : "false"), is_text(false) {}
  template <typename Number>
  requires(std::is_arithmetic_v<Number> && !std::is_same_v<Number, bool>)
      Field(std::string_view key, Number number)
      : name(key), value(fmt::format("{}", number)), is_text(false) {}
};

/// A record with fields, which programs can read one by one.
void write(Level level, std::string_view message, std::initializer_list<Field> fields);

/// What the user can do about the message before.
void hint(std::string_view text);

/// The error, and its hint when it has one.
void failure(const Error& error);

}  // namespace anynpu::log
