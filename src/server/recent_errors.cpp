// SPDX-License-Identifier: Apache-2.0
// A short ring of errors. What strangers wrote is cut and cleaned before it is kept.
#include "server/recent_errors.h"

#include <ctime>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::server {

std::string utc_time(std::chrono::system_clock::time_point time) {
  std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

void RecentErrors::note(const RequestRecord& record) {
  if (record.error == nullptr || record.status < 400) return;
  Entry entry;
  entry.time = std::chrono::system_clock::now();
  entry.id = record.id;
  entry.method = printable(record.method, 16);
  entry.path = printable(record.path, 100);
  entry.status = record.status;
  entry.code = anynpu::to_string(record.error->code);
  entry.message = printable(record.error->message, 300);
  std::lock_guard lock(mutex_);
  entries_.push_front(std::move(entry));
  if (entries_.size() > most_) entries_.pop_back();
}

Json RecentErrors::to_json() const {
  std::lock_guard lock(mutex_);
  Json all = Json::array();
  for (const Entry& entry : entries_)
    all.push_back({{"time", utc_time(entry.time)},
                   {"request_id", entry.id},
                   {"method", entry.method},
                   {"path", entry.path},
                   {"status", entry.status},
                   {"code", entry.code},
                   {"message", entry.message}});
  return all;
}

}  // namespace anynpu::server
