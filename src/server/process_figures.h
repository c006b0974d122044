// SPDX-License-Identifier: Apache-2.0
// What this process uses of the machine, from /proc/self.
#pragma once

#include <cstddef>
#include <cstdint>

namespace anynpu::server {

struct ProcessFigures {
  std::uint64_t rss_bytes = 0;  // resident memory; 0 when /proc is not there
  std::size_t fds = 0;          // open file descriptors
  std::size_t max_fds = 0;      // the limit on them
  std::size_t threads = 0;
  double cpu_seconds = 0;         // user and system, of all threads that there ever were
  double start_time_seconds = 0;  // since 1970; 0 when /proc is not there
};

ProcessFigures process_figures();

}  // namespace anynpu::server
