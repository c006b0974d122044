// SPDX-License-Identifier: Apache-2.0
// What this process uses of the machine, from /proc/self.
#pragma once

#include <cstddef>
#include <cstdint>

namespace anynpu::server {

struct ProcessFigures {
  std::uint64_t rss_bytes = 0;  // resident memory; 0 when /proc is not there
  std::size_t fds = 0;          // open file descriptors
  std::size_t threads = 0;
};

ProcessFigures process_figures();

}  // namespace anynpu::server
