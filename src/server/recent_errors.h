// SPDX-License-Identifier: Apache-2.0
// The last errors that the server answered with, for /status and the page.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>

#include "base/report.h"
#include "server/http_server.h"

namespace anynpu::server {

class RecentErrors {
 public:
  explicit RecentErrors(std::size_t most = 32) : most_(most) {}

  /// Keeps the record when it is an error's.
  void note(const RequestRecord& record);
  /// [{time, request_id, method, path, status, code, message}], the newest first.
  Json to_json() const;

 private:
  struct Entry {
    std::chrono::system_clock::time_point time;
    std::string id, method, path, code, message;
    int status = 0;
  };

  const std::size_t most_;
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;
};

}  // namespace anynpu::server
