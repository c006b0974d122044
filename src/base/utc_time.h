// SPDX-License-Identifier: Apache-2.0
// Times as reports and logs say them.
#pragma once

#include <chrono>
#include <string>

namespace anynpu {

/// "2026-01-31T12:00:00Z"
std::string utc_time(std::chrono::system_clock::time_point time);
/// "2026-01-31T12:00:00.250Z"
std::string utc_time_ms(std::chrono::system_clock::time_point time);

}  // namespace anynpu
