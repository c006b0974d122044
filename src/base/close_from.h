// SPDX-License-Identifier: Apache-2.0
// Closing what a child has from its parent.
#pragma once

#include <algorithm>

#include <sys/resource.h>
#include <unistd.h>

namespace anynpu {

/// Closes every descriptor from `first` up, also on kernels without close_range (before 5.9). For a
/// child after fork(): calls only what may be called there.
inline void close_from(int first) {
  if (::close_range(static_cast<unsigned>(first), ~0U, 0) == 0) return;
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  constexpr rlim_t kMost = 1 << 20;
  const int end = static_cast<int>(std::min(limit.rlim_cur, kMost));
  for (int fd = first; fd < end; ++fd) ::close(fd);
}

}  // namespace anynpu
