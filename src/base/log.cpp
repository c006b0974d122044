// SPDX-License-Identifier: Apache-2.0
// Sets up spdlog: one sink, standard error, and one formatter that knows fields.
#include "base/log.h"

#include <atomic>
#include <cstdlib>

#include <spdlog/sinks/ansicolor_sink.h>
#include <unistd.h>

#include "base/log_format.h"

namespace anynpu::log {
namespace {

std::atomic<bool> writes_json = false;

// Those of the record that this thread writes. spdlog carries text only, and its sinks run on the
// thread that logs.
thread_local std::span<const Field> current_fields;

class Formatter : public spdlog::formatter {
 public:
  Formatter(Style style, bool priority) : style_(style), priority_(priority) {}

  void format(const spdlog::details::log_msg& record, spdlog::memory_buf_t& out) override {
    Line line = format_line(style_, priority_, record.level, record.time,
                            {record.payload.data(), record.payload.size()}, current_fields);
    record.color_range_start = out.size() + line.colour_start;
    record.color_range_end = out.size() + line.colour_end;
    out.append(line.text.data(), line.text.data() + line.text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<Formatter>(style_, priority_);
  }

 private:
  Style style_;
  bool priority_;
};

}  // namespace

Result<> set_up(std::string_view level, std::string_view format) {
  auto number = spdlog::level::from_str(std::string(level));
  if (number == spdlog::level::off && level != "off")
    return Error{Code::kInvalid, "unknown log level '" + std::string(level) + "'"}.with_hint(
        "use debug, info, warn, error or off");
  if (format != "text" && format != "json")
    return Error{Code::kInvalid, "unknown log format '" + std::string(format) + "'"}.with_hint(
        "use text or json");
  bool journal = is_journal(std::getenv("JOURNAL_STREAM"), STDERR_FILENO);
  writes_json = format == "json";
  Style style = writes_json ? Style::kJson : journal ? Style::kJournal : Style::kTerminal;
  auto sink = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>();
  const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org
  if (no_color != nullptr && *no_color != '\0') sink->set_color_mode(spdlog::color_mode::never);
  auto logger = std::make_shared<spdlog::logger>("anynpu", std::move(sink));
  logger->set_level(number);
  logger->set_formatter(std::make_unique<Formatter>(style, journal));
  spdlog::set_default_logger(std::move(logger));
  return {};
}

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  current_fields = fields;
  spdlog::default_logger_raw()->log(level, spdlog::string_view_t(message.data(), message.size()));
  current_fields = {};
}

void hint(std::string_view text) {
  spdlog::warn("hint: {}", text);
}

void failure(const Error& error) {
  if (!writes_json) {
    spdlog::error("{}", error.message);
    if (!error.hint.empty()) spdlog::error("hint: {}", error.hint);
  } else if (error.hint.empty()) {
    write(Level::err, error.message, {{"code", to_string(error.code)}});
  } else {
    write(Level::err, error.message, {{"code", to_string(error.code)}, {"hint", error.hint}});
  }
}

}  // namespace anynpu::log
