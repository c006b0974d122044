// SPDX-License-Identifier: Apache-2.0
// How a log line looks: text for people, with priorities for journald, or JSON for programs.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/log.h"

namespace anynpu::log {

enum class Style { kTerminal, kJournal, kJson };

struct Line {
  std::string text;                              // with its end of line
  std::size_t colour_start = 0, colour_end = 0;  // of the level's word, for terminals
};

/// kTerminal: "12:00:00.000 warn: message name=value". kJournal: "<4>warn: message", because
/// journald adds its own time and takes the priority. kJson: {"time", "level", "message",
/// "fields"}, with `priority` before it when journald reads it. A message is one line and one
/// record whatever it holds: its further lines are indented, and control characters are shown as
/// '?'.
Line format_line(Style style, bool priority, spdlog::level::level_enum level,
                 std::chrono::system_clock::time_point time, std::string_view message,
                 std::span<const Field> fields);

/// Whether descriptor `fd` is the one that `journal_stream` ($JOURNAL_STREAM, "device:inode")
/// names.
bool is_journal(const char* journal_stream, int fd);

}  // namespace anynpu::log
