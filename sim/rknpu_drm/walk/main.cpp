// SPDX-License-Identifier: Apache-2.0
// Does to a device node what Rockchip's runtime does from init to destroy, and prints what it saw.
//
//   rknpu-walk NODE     "rknpu 0.9.8 hw 46495245 drv 908 buffer ok submit 0", or the first failure
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sim/rknpu_drm/abi.h"

namespace {

using namespace anynpu::sim::rknpu;

int failed(const char* what) {
  std::printf("%s: %s\n", what, std::strerror(errno));
  return 1;
}

template <typename Struct>
bool ask(int fd, char magic, unsigned number, Struct& argument) {
  return ::ioctl(fd, request(magic, number, sizeof(Struct)), &argument) == 0;
}

bool works_as_memory(void* memory, std::size_t size) {
  if (memory == MAP_FAILED) return false;
  std::memset(memory, 0x5a, size);
  return ::munmap(memory, size) == 0;
}

int walk(const char* path) {
  const bool misc = std::string_view(path) == "/dev/rknpu";
  const char magic = misc ? 'r' : 'd';
  struct stat info {};
  if (::stat(path, &info) != 0) return failed("stat");
  if (!S_ISCHR(info.st_mode)) return failed("no device");
  std::printf("node %u:%u ", major(info.st_rdev), minor(info.st_rdev));
  const int fd = ::open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return failed("open");
  struct stat again {};
  if (::fstat(fd, &again) != 0 || again.st_rdev != info.st_rdev) return failed("fstat");
  if (!misc) {
    char name[16] = {};
    DrmVersion version{};
    version.name = reinterpret_cast<std::uintptr_t>(name);
    version.name_length = sizeof name - 1;
    if (!ask(fd, magic, kVersion, version)) return failed("version");
    std::printf("%s %d.%d.%d ", name, version.major, version.minor, version.patch);
  }
  Action hardware{kGetHardwareVersion, 0}, driver{kGetDriverVersion, 0};
  const unsigned action = misc ? +kMiscAction : +kAction;
  if (!ask(fd, magic, action, hardware) || !ask(fd, magic, action, driver)) return failed("action");
  std::printf("hw %x drv %u ", hardware.value, driver.value);
  MemCreate memory{};
  memory.size = 8192;
  if (!ask(fd, magic, misc ? +kMiscMemCreate : +kMemCreate, memory)) return failed("create");
  if (misc) {
    const int own = static_cast<int>(memory.handle);
    if (!works_as_memory(::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0), 8192))
      return failed("mmap");
    ::close(own);
  } else {
    MemMap map{memory.handle, 0, 0};
    if (!ask(fd, magic, kMemMap, map)) return failed("map");
    const auto offset = static_cast<off_t>(map.offset);
    if (!works_as_memory(::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset),
                         8192))
      return failed("mmap");
    DrmPrime prime{memory.handle, 0, -1};
    if (!ask(fd, magic, kPrimeHandleToFd, prime)) return failed("prime");
    ::close(prime.fd);
  }
  Submit submit{};
  submit.task_number = 9;
  if (!ask(fd, magic, misc ? +kMiscSubmit : +kSubmit, submit)) return failed("submit");
  std::printf("tasks %u\n", submit.task_counter);
  ::close(fd);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return argc == 2 ? walk(argv[1]) : 2;
}
