// SPDX-License-Identifier: Apache-2.0
// What passes between a vendor library and its device.
#include "engine/ioctl_watch.h"

#include <atomic>
#include <cerrno>
#include <cstdarg>

#include <dlfcn.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

namespace anynpu::engine {
namespace {

struct Watched {
  std::atomic<unsigned> first = 1, last = 0;  // none
  std::atomic<std::uint32_t> wait_request = 0;
  std::atomic<std::uint64_t> calls = 0, failures = 0, longest_wait_ns = 0;
  std::atomic<int> last_errno = 0;
  std::atomic<std::uint32_t> last_failed = 0;
};
Watched watched;  // NOLINT: constant-initialised, as calls may come before main()

bool is_watched(std::uint32_t request) {
  const unsigned type = request >> 8 & 0xff, number = request & 0xff;
  return type == 'd' && number >= watched.first.load(std::memory_order_relaxed) &&
         number <= watched.last.load(std::memory_order_relaxed);
}

int next_ioctl(int fd, unsigned long request, void* argument) {
  using Ioctl = int(int, unsigned long, ...);
  static Ioctl* const next = reinterpret_cast<Ioctl*>(::dlsym(RTLD_NEXT, "ioctl"));
  if (next != nullptr) return next(fd, request, argument);
  return static_cast<int>(::syscall(SYS_ioctl, fd, request, argument));
}

}  // namespace

void watch_ioctls(unsigned first, unsigned last, std::uint32_t wait_request) {
  watched.wait_request = wait_request;
  watched.first = first;
  watched.last = last;
}

IoctlRecord take_ioctl_record() {
  IoctlRecord record;
  record.calls = watched.calls.exchange(0);
  record.failures = watched.failures.exchange(0);
  record.last_errno = watched.last_errno.exchange(0);
  record.last_failed = watched.last_failed.exchange(0);
  record.longest_wait_ms = static_cast<double>(watched.longest_wait_ns.exchange(0)) / 1e6;
  return record;
}

int watched_ioctl(int fd, unsigned long request, void* argument) {
  // Callers pass constants that were widened with their sign.
  const auto number = static_cast<std::uint32_t>(request);
  if (!is_watched(number)) return next_ioctl(fd, request, argument);
  const TimePoint start = Clock::now();
  const int result = next_ioctl(fd, request, argument);
  const int error = errno;
  watched.calls.fetch_add(1);
  if (result < 0 && error != EINTR && error != EAGAIN) {  // those two are tried again
    watched.last_errno = error;
    watched.last_failed = number;
    watched.failures.fetch_add(1);
  }
  if (number == watched.wait_request) {
    const auto ns = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count());
    std::uint64_t longest = watched.longest_wait_ns.load();
    while (ns > longest && !watched.longest_wait_ns.compare_exchange_weak(longest, ns)) {
    }
  }
  errno = error;
  return result;
}

}  // namespace anynpu::engine

// NOLINTNEXTLINE: the C library's own signature
extern "C" __attribute__((visibility("default"))) int ioctl(int fd, unsigned long request,
                                                            ...) noexcept {
  std::va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  return anynpu::engine::watched_ioctl(fd, request, argument);
}
