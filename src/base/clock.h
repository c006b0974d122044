// SPDX-License-Identifier: Apache-2.0
// Time: the steady clock that deadlines and timings use.
#pragma once

#include <chrono>

namespace anynpu {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

inline double to_ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}
inline double ms_since(TimePoint start) {
  return to_ms(Clock::now() - start);
}

}  // namespace anynpu
