// SPDX-License-Identifier: Apache-2.0
// What a DRM or accel driver tells of one open file: /proc/PID/fdinfo/N (the kernel's
// Documentation/gpu/drm-usage-stats.rst).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "host/machine.h"
#include "npu/holders.h"

namespace anynpu::npu {

struct FileUsage {
  std::string driver;  // "amdxdna_accel_driver"; empty: the file is of no such driver
  std::string pdev;    // "0000:c4:00.1"
  std::uint64_t client = 0;
  std::map<std::string, std::uint64_t> engine_ns;  // by the engine's name, of all time
  std::map<std::string, std::uint64_t> bytes;      // by the whole key: "drm-total-memory"
};

/// At most 64 engines and 64 memory keys; numbers too large for 64 bits are left out.
FileUsage parse_fdinfo(std::string_view text);

/// The usage of every client of the holders once: a file that was dup()ed or inherited shows up in
/// several places. `unread` counts the files that this user may not look into.
struct Usage {
  std::vector<FileUsage> clients;
  std::size_t unread = 0;
};
Usage usage_of(const host::Machine& machine, const Holders& holders);

}  // namespace anynpu::npu
