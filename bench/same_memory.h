// SPDX-License-Identifier: Apache-2.0
// Gives a benchmark the memory that workers have, so that an engine in this process is as fast as
// one in a worker.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <unistd.h>

#include "runtime/huge_pages.h"

namespace anynpu::bench {

/// Starts this program again in the environment of a worker, unless it is there.
inline void take_same_memory(char** argv) {
  std::vector<std::string> wanted = runtime::worker_environment();
  std::vector<std::string> now;
  for (char** each = environ; *each != nullptr; ++each) now.emplace_back(*each);
  std::vector<char*> pointers;
  for (std::string& each : wanted) pointers.push_back(each.data());
  pointers.push_back(nullptr);
  if (!std::is_permutation(wanted.begin(), wanted.end(), now.begin(), now.end()))
    ::execve("/proc/self/exe", argv, pointers.data());
}

}  // namespace anynpu::bench
