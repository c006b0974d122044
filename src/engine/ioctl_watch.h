// SPDX-License-Identifier: Apache-2.0
// What passes between a vendor library and its device: failures that the library swallows, and how
// long it waited.
//
// Mesa's release builds throw errors of the driver away: a run whose job was never submitted ends
// with success and the last run's output. The kernel does the same with a job that timed out. Both
// are seen where the library talks to the kernel, in ioctl(): this program defines that function,
// which comes before the C library's own in every lookup, and passes all calls on.
#pragma once

#include <cstdint>
#include <string>

namespace anynpu::engine {

struct IoctlRecord {
  std::uint64_t calls = 0;     // of the watched requests
  std::uint64_t failures = 0;  // of them
  int last_errno = 0;
  std::uint32_t last_failed = 0;  // the request
  double longest_wait_ms = 0;     // of `wait_request`
};

/// Watches the DRM requests of numbers `first` to `last` from now on, in the whole process;
/// `wait_request` is the one that waits for the device.
void watch_ioctls(unsigned first, unsigned last, std::uint32_t wait_request);

/// What happened since the last call of it. Starts anew.
IoctlRecord take_ioctl_record();

}  // namespace anynpu::engine
