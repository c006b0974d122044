// SPDX-License-Identifier: Apache-2.0
// Puts the stub device in the place of a path: the calls that a program makes to find, open and
// drive a device node are answered here, all others go on to the kernel.
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sim/rknpu_drm/device.h"

#define STUB_EXPORT extern "C" __attribute__((visibility("default")))

namespace anynpu::sim::rknpu {
namespace {

constexpr const char* kVariable = "ANYNPU_RKNPU_DEVICE";
constexpr int kExitMisused = 70;

[[noreturn]] void refuse(const char* why) {
  std::fprintf(stderr, "rknpu device: %s\n", why);
  ::_exit(kExitMisused);
}

Device* make_device() {
  const char* text = std::getenv(kVariable);
  if (text == nullptr || *text == '\0') return nullptr;
  if (::geteuid() == 0)
    refuse("not as root: Rockchip's runtime would remove and make device nodes");
  auto settings = parse_settings(text);
  if (!settings) refuse("ANYNPU_RKNPU_DEVICE has a word that is not understood");
  return new Device(std::move(*settings));
}

/// nullptr where the variable is not set. Lives as long as the process.
Device* device() {
  static Device* const only = make_device();
  return only;
}

/// Before main(), so that a refusal comes at once.
[[gnu::constructor]] void look_at_variable() {
  device();
}

bool is_stub(const char* path) {
  return device() != nullptr && path != nullptr && device()->settings().path == path;
}

/// Other devices of the machine must not be seen beside the stub.
bool is_hidden(const char* path) {
  if (device() == nullptr || path == nullptr || is_stub(path)) return false;
  const std::string_view name = path;
  return name.substr(0, 9) == "/dev/dri/" || name == "/dev/rknpu";
}

bool below_dev(const char* path) {
  return device() != nullptr && path != nullptr && std::strncmp(path, "/dev/", 5) == 0;
}

int done(int result) {
  if (result >= 0) return result;
  errno = -result;
  return -1;
}

int open_at(int folder, const char* path, int flags, mode_t mode) {
  if (is_stub(path)) return done(device()->open());
  if (is_hidden(path)) return done(-ENOENT);
  return static_cast<int>(::syscall(SYS_openat, folder, path, flags, mode));
}

int stat_at(const char* path, struct stat* info, int flags) {
  if (is_hidden(path)) return done(-ENOENT);
  if (is_stub(path)) {
    std::memset(info, 0, sizeof *info);
    device()->describe(*info);
    return 0;
  }
  return static_cast<int>(::syscall(SYS_newfstatat, AT_FDCWD, path, info, flags));
}

int stat_of(int fd, struct stat* info) {
  const int result = static_cast<int>(::syscall(SYS_fstat, fd, info));
  if (result == 0 && device() != nullptr && device()->owns(fd)) device()->describe(*info);
  return result;
}

struct stat* plain(struct stat64* info) {
  static_assert(sizeof(struct stat) == sizeof(struct stat64));
  return reinterpret_cast<struct stat*>(info);
}

/// The mode of open() is there only where a file may be made.
mode_t mode_of(int flags, std::va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace
}  // namespace anynpu::sim::rknpu

using namespace anynpu::sim::rknpu;

#define STUB_OPEN(name)                                    \
  STUB_EXPORT int name(const char* path, int flags, ...) { \
    std::va_list arguments;                                \
    va_start(arguments, flags);                            \
    const mode_t mode = mode_of(flags, arguments);         \
    va_end(arguments);                                     \
    return open_at(AT_FDCWD, path, flags, mode);           \
  }
STUB_OPEN(open)
STUB_OPEN(open64)

STUB_EXPORT int openat(int folder, const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_at(folder, path, flags, mode);
}

STUB_EXPORT int stat(const char* path, struct stat* info) noexcept {
  return stat_at(path, info, 0);
}
STUB_EXPORT int stat64(const char* path, struct stat64* info) noexcept {
  return stat_at(path, plain(info), 0);
}
STUB_EXPORT int fstat(int fd, struct stat* info) noexcept {
  return stat_of(fd, info);
}
STUB_EXPORT int fstat64(int fd, struct stat64* info) noexcept {
  return stat_of(fd, plain(info));
}
// What older libraries of C call instead.
STUB_EXPORT int __xstat(int, const char* path, struct stat* info) {  // NOLINT
  return stat_at(path, info, 0);
}
STUB_EXPORT int __xstat64(int, const char* path, struct stat64* info) {  // NOLINT
  return stat_at(path, plain(info), 0);
}
STUB_EXPORT int __fxstat(int, int fd, struct stat* info) {  // NOLINT
  return stat_of(fd, info);
}
STUB_EXPORT int __fxstat64(int, int fd, struct stat64* info) {  // NOLINT
  return stat_of(fd, plain(info));
}

STUB_EXPORT int mknod(const char* path, mode_t mode, dev_t rdev) noexcept {
  if (below_dev(path)) return 0;
  return static_cast<int>(::syscall(SYS_mknodat, AT_FDCWD, path, mode, rdev));
}
STUB_EXPORT int mkdir(const char* path, mode_t mode) noexcept {
  if (below_dev(path)) return 0;
  return static_cast<int>(::syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}
STUB_EXPORT int unlink(const char* path) noexcept {
  if (below_dev(path)) return 0;
  return static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

STUB_EXPORT int ioctl(int fd, unsigned long request, ...) noexcept {
  std::va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  if (device() != nullptr && device()->owns(fd))
    return done(device()->ioctl(static_cast<std::uint32_t>(request), argument));
  return static_cast<int>(::syscall(SYS_ioctl, fd, request, argument));
}
