// SPDX-License-Identifier: Apache-2.0
// The node of a simulated `rocket` device, for programs into which this library is preloaded:
// open() makes a file that ioctl() knows again, and answers as the kernel's driver does.
//
// Jobs are not computed here (sim/rocket does that, for the real Mesa): the library's own delegate
// computes, and asks the device for leave, so that the faults of a device can be had on any PC.
#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sim/teflon/teflon.h"

namespace anynpu::sim::teflon {
namespace {

constexpr std::string_view kFileName = "anynpu-sim-accel";

std::string_view node_path() {
  const char* path = std::getenv("ANYNPU_SIM_NODE");
  return path != nullptr && *path != '\0' ? path : "/dev/accel/accel0";
}

bool is_device(int fd) {
  char link[32], target[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = ::readlink(link, target, sizeof target);
  return length > 0 && std::string_view(target, static_cast<std::size_t>(length)).find(kFileName) !=
                           std::string_view::npos;
}

int fail(int error) {
  errno = error;
  return -1;
}

struct Version {
  int major, minor, patch;
  std::size_t name_length;
  char* name;
  std::size_t date_length;
  char* date;
  std::size_t description_length;
  char* description;
};
struct CreateBo {
  unsigned size, handle;
  unsigned long dma_address, offset;
};

void give(std::string_view text, char* to, std::size_t& length) {
  if (to != nullptr) std::memcpy(to, text.data(), std::min(length, text.size()));
  length = text.size();
}

int open_device() {
  if (faults().strikes("open")) return fail(EACCES);
  return static_cast<int>(::syscall(SYS_memfd_create, kFileName.data(), MFD_CLOEXEC));
}

int answer(unsigned request, void* argument) {
  static unsigned next_handle = 1;
  switch (request) {
    case kVersion: {
      if (faults().strikes("version")) return fail(EINVAL);
      auto& version = *static_cast<Version*>(argument);
      version.major = version.minor = version.patch = 0;
      give(faults().active("other-driver") ? "ethosu" : "rocket", version.name,
           version.name_length);
      give("0", version.date, version.date_length);
      give("rocket DRM", version.description, version.description_length);
      return 0;
    }
    case kCreateBo: {
      if (faults().strikes("create")) return fail(ENOMEM);
      auto& buffer = *static_cast<CreateBo*>(argument);
      buffer.handle = next_handle++;
      buffer.dma_address = buffer.offset = 0x1000UL * buffer.handle;
      return 0;
    }
    case kSubmit:
      if (faults().strikes("submit")) return fail(EIO);
      return 0;
    case kPrepBo:
      // After its time-out the kernel reports success; only the time and its log tell.
      if (auto fault = faults().strikes("timeout")) {
        if (fault->ms == 0) fault->ms = 500;
        wait(*fault);
        kernel_line("rocket fdab0000.npu: NPU job timed out");
        job_given_up() = true;
      }
      if (auto fault = faults().strikes("slow")) wait(*fault);
      if (faults().strikes("hang")) hang();
      return 0;
    case kFiniBo:
    case kGemClose:
      return 0;
    default:
      return fail(EINVAL);
  }
}

template <typename Function>
Function* next_of(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

std::atomic<bool>& job_given_up() {
  static std::atomic<bool> given_up = false;
  return given_up;
}

const char* redirected(const char* path) {
  const char* log = std::getenv("ANYNPU_SIM_KERNEL_LOG");
  return log != nullptr && *log != '\0' && std::string_view(path) == "/dev/kmsg" ? log : path;
}

void kernel_line(std::string_view text) {
  const char* path = std::getenv("ANYNPU_SIM_KERNEL_LOG");
  if (path == nullptr || *path == '\0') return;
  const int fd = static_cast<int>(
      ::syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
  if (fd < 0) return;
  char line[200];
  const int length = std::snprintf(line, sizeof line, "3,1,1,-;%.*s\n",
                                   static_cast<int>(text.size()), text.data());
  [[maybe_unused]] const ssize_t written = ::write(fd, line, static_cast<std::size_t>(length));
  ::close(fd);
}

}  // namespace anynpu::sim::teflon

using anynpu::sim::teflon::node_path;

#define ANYNPU_EXPORT extern "C" __attribute__((visibility("default")))
#define ANYNPU_OPEN(NAME, AT_PARAMETER, AT_ARGUMENT)                                  \
  ANYNPU_EXPORT int NAME(AT_PARAMETER const char* path, int flags, ...) {             \
    unsigned mode = 0;                                                                \
    if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {                 \
      std::va_list arguments;                                                         \
      va_start(arguments, flags);                                                     \
      mode = va_arg(arguments, unsigned);                                             \
      va_end(arguments);                                                              \
    }                                                                                 \
    path = anynpu::sim::teflon::redirected(path);                                     \
    if (path == node_path()) return anynpu::sim::teflon::open_device();               \
    static auto* const next =                                                         \
        anynpu::sim::teflon::next_of<int(AT_PARAMETER const char*, int, ...)>(#NAME); \
    return next(AT_ARGUMENT path, flags, mode);                                       \
  }
#define ANYNPU_COMMA ,
ANYNPU_OPEN(open, , )
ANYNPU_OPEN(open64, , )
ANYNPU_OPEN(openat, int folder ANYNPU_COMMA, folder ANYNPU_COMMA)
ANYNPU_OPEN(openat64, int folder ANYNPU_COMMA, folder ANYNPU_COMMA)

ANYNPU_EXPORT int ioctl(int fd, unsigned long request, ...) noexcept {
  std::va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  const auto number = static_cast<unsigned>(request);
  if ((number >> 8 & 0xff) == 'd' && anynpu::sim::teflon::is_device(fd))
    return anynpu::sim::teflon::answer(number, argument);
  static auto* const next = anynpu::sim::teflon::next_of<int(int, unsigned long, ...)>("ioctl");
  return next(fd, request, argument);
}
