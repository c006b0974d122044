// SPDX-License-Identifier: Apache-2.0
// The form of RFC 3339, in UTC.
#include "base/utc_time.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace anynpu {

std::string utc_time(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

std::string utc_time_ms(std::chrono::system_clock::time_point time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()) % 1000;
  std::string text = utc_time(time);
  text.pop_back();
  return text + fmt::format(".{:03}Z", ms.count());
}

}  // namespace anynpu
