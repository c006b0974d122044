// SPDX-License-Identifier: Apache-2.0
// Sets up spdlog: one sink, standard error, journald's habits respected.
#include "base/log.h"

#include <unistd.h>

#include <cstdlib>

#include <spdlog/sinks/ansicolor_sink.h>

namespace anynpu::log {

Result<> set_up(std::string_view level) {
  auto number = spdlog::level::from_str(std::string(level));
  if (number == spdlog::level::off && level != "off")
    return Error{Code::kInvalid, "unknown log level '" + std::string(level) + "'"}.with_hint(
        "use debug, info, warn, error or off");
  auto logger = std::make_shared<spdlog::logger>("anynpu", std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>());
  logger->set_level(number);
  logger->set_pattern(std::getenv("JOURNAL_STREAM") != nullptr ? "%l: %v" : "%H:%M:%S.%e %^%l%$: %v");
  spdlog::set_default_logger(std::move(logger));
  return {};
}

void hint(std::string_view text) { spdlog::warn("hint: {}", text); }

void failure(const Error& error) {
  spdlog::error("{}", error.message);
  if (!error.hint.empty()) spdlog::error("hint: {}", error.hint);
}

}  // namespace anynpu::log
