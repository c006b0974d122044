// SPDX-License-Identifier: Apache-2.0
// Which processes have a device node open.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/machine.h"

namespace anynpu::npu {

struct Holder {
  int pid = 0;
  std::string command;             // /proc/PID/comm
  char state = '?';                // of /proc/PID/stat: 'D' waits in the kernel
  std::size_t open_files = 0;      // all of its descriptors
  std::uint64_t most_files = 0;    // its soft limit; 0: unknown
  std::vector<std::string> nodes;  // those of the asked ones that it has open
  std::vector<std::string> files;  // their /proc/PID/fdinfo/N, where some drivers count
};

struct Holders {
  std::vector<Holder> found;
  std::size_t hidden = 0;  // processes of others, whose descriptors this user may not see
  bool cut = false;        // there was more than is looked at: who is not found may still be there
};

/// Scans /proc, at most 100000 descriptors, and as many processes as a folder's names are read.
Holders find_holders(const host::Machine& machine, const std::vector<std::string>& nodes);

}  // namespace anynpu::npu
