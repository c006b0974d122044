// SPDX-License-Identifier: Apache-2.0
// How a log line looks.
#include "base/log_format.h"

#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "base/text.h"
#include "base/utc_time.h"

namespace anynpu::log {
namespace {

constexpr std::size_t kMostMessageBytes = 16 << 10;

std::string_view word_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
      return "debug";
    case spdlog::level::info:
      return "info";
    case spdlog::level::warn:
      return "warn";
    default:
      return "error";
  }
}

// syslog(3)
int priority_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
      return 7;
    case spdlog::level::info:
      return 6;
    case spdlog::level::warn:
      return 4;
    case spdlog::level::critical:
      return 2;
    default:
      return 3;
  }
}

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string json_line(spdlog::level::level_enum level, std::chrono::system_clock::time_point time,
                      std::string_view message, std::span<const Field> fields) {
  std::string line = fmt::format(R"({{"time":"{}","level":"{}","message":{})", utc_time_ms(time),
                                 word_of(level), json_text(message));
  const char* separator = ",\"fields\":{";
  for (const Field& field : fields) {
    const bool finite = field.is_text || (field.value.find("inf") == std::string::npos &&
                                          field.value.find("nan") == std::string::npos);
    line += fmt::format("{}{}:{}", separator, json_text(field.name),
                        field.is_text ? json_text(field.value)
                        : finite      ? field.value
                                      : "null");
    separator = ",";
  }
  return line + (fields.empty() ? "}\n" : "}}\n");
}

// name=value, with quotes where the value's end could not be seen otherwise.
std::string field_text(const Field& field) {
  bool bare = !field.is_text ||
              (!field.value.empty() && field.value.find_first_of(" \"=\n\t") == std::string::npos);
  return fmt::format(" {}={}", field.name, bare ? field.value : json_text(field.value));
}

}  // namespace

Line format_line(Style style, bool priority, spdlog::level::level_enum level,
                 std::chrono::system_clock::time_point time, std::string_view message,
                 std::span<const Field> fields) {
  Line line;
  std::string mark = priority ? fmt::format("<{}>", priority_of(level)) : std::string();
  if (style == Style::kJson) {
    line.text = mark + json_line(level, time, message.substr(0, kMostMessageBytes), fields);
    return line;
  }
  line.text = mark;
  if (style == Style::kTerminal) {
    auto since = std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch();
    auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since) % 1000;
    std::tm local = fmt::localtime(std::chrono::system_clock::to_time_t(time));
    line.text += fmt::format("{:%H:%M:%S}.{:03} ", local, ms.count());
  }
  line.colour_start = line.text.size();
  line.text += word_of(level);
  line.colour_end = line.text.size();
  line.text += ": ";
  std::string whole(message);
  for (const Field& field : fields) whole += field_text(field);
  bool first = true;
  for (const std::string& part : split(whole, '\n')) {
    if (!first) line.text += fmt::format("\n{}    ", mark);
    line.text += printable(part, kMostMessageBytes);
    first = false;
  }
  line.text += '\n';
  return line;
}

bool is_journal(const char* journal_stream, int fd) {
  struct stat file = {};
  return journal_stream != nullptr && ::fstat(fd, &file) == 0 &&
         fmt::format("{}:{}", file.st_dev, file.st_ino) == journal_stream;
}

}  // namespace anynpu::log
