// SPDX-License-Identifier: Apache-2.0
// Logging to standard error. The levels have a meaning for the user: an error or a warning that the
// user can mend is followed by a hint with the next step.
#pragma once

#include <string>
#include <string_view>

#include <spdlog/spdlog.h>

#include "base/result.h"

namespace anynpu::log {

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

/// `level` is "debug", "info", "warn", "error" or "off". Without times when journald adds its own.
Result<> set_up(std::string_view level);

/// What the user can do about the message before.
void hint(std::string_view text);

/// The error, and its hint when it has one.
void failure(const Error& error);

}  // namespace anynpu::log
