// SPDX-License-Identifier: Apache-2.0
// A short ring of errors. What strangers wrote is cut and cleaned before it is kept.
#include "server/recent_errors.h"

#include "base/text.h"
#include "base/utc_time.h"

namespace anynpu::server {

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
