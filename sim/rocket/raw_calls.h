// SPDX-License-Identifier: Apache-2.0
// System calls that the preloaded library also stands in for: made directly, so that it never meets
// itself. They return -1 and set errno, as the C library's do.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace anynpu::sim::rocket::raw {

inline int open(int folder, const char* path, int flags, mode_t mode) {
  return static_cast<int>(syscall(SYS_openat, folder, path, flags, mode));
}

inline int stat(int folder, const char* path, struct stat* status, int flags) {
  return static_cast<int>(syscall(SYS_newfstatat, folder, path, status, flags));
}

inline int fstat(int fd, struct stat* status) {
  return static_cast<int>(syscall(SYS_fstat, fd, status));
}

inline int ioctl(int fd, unsigned long request, void* argument) {
  return static_cast<int>(syscall(SYS_ioctl, fd, request, argument));
}

inline int access(int folder, const char* path, int mode) {
  return static_cast<int>(syscall(SYS_faccessat, folder, path, mode));
}

}  // namespace anynpu::sim::rocket::raw
