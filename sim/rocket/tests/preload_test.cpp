// SPDX-License-Identifier: Apache-2.0
// The library to preload, from the side of the program: linked first, it stands in as if preloaded.
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sim/rocket/abi.h"

namespace anynpu::sim::rocket {
namespace {

constexpr const char* kNode = "/dev/accel/accel5";

std::string name_of(int fd) {
  char name[32] = {};
  abi::Version version = {0, 0, 0, sizeof name - 1, name, 0, nullptr, 0, nullptr};
  return ioctl(fd, abi::kVersion, &version) == 0 ? name : std::strerror(errno);
}

TEST(Preload, ADeviceIsKnownByItsDuplicate) {
  int first = open(kNode, O_RDWR | O_CLOEXEC);
  ASSERT_GE(first, 0) << std::strerror(errno);
  EXPECT_EQ(fcntl(first, F_GETFD), FD_CLOEXEC);
  int fd = fcntl(first, F_DUPFD_CLOEXEC, 3);
  close(first);
  EXPECT_EQ(name_of(fd), "rocket");
  close(fd);
}

TEST(Preload, BuffersAreMapped) {
  int fd = open64(kNode, O_RDWR);
  ASSERT_GE(fd, 0);
  abi::CreateBo buffer = {5000, 0, 0, 0};
  // Callers have the request as an int, whose sign goes into the upper half.
  auto request =
      static_cast<unsigned long>(std::int64_t{static_cast<std::int32_t>(abi::kCreateBo)});
  ASSERT_EQ(ioctl(fd, request, &buffer), 0) << std::strerror(errno);
  void* mapped = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                      static_cast<off_t>(buffer.offset));
  ASSERT_NE(mapped, MAP_FAILED);
  static_cast<char*>(mapped)[8191] = 7;
  munmap(mapped, 8192);
  char byte = 0;
  EXPECT_EQ(pread(fd, &byte, 1, static_cast<off_t>(buffer.offset) + 8191), 1);
  EXPECT_EQ(byte, 7);
  abi::PrepBo unknown = {99, 0, 0};
  EXPECT_EQ(ioctl(fd, abi::kPrepBo, &unknown), -1);
  EXPECT_EQ(errno, ENOENT);
  close(fd);
}

TEST(Preload, EachOpenFileHasItsOwnBuffers) {
  int one = open(kNode, O_RDWR);
  int other = openat(AT_FDCWD, kNode, O_RDWR);
  ASSERT_GE(one, 0);
  ASSERT_GE(other, 0);
  abi::CreateBo buffer = {5000, 0, 0, 0};
  ASSERT_EQ(ioctl(one, abi::kCreateBo, &buffer), 0);
  abi::GemClose close_it = {buffer.handle, 0};
  EXPECT_EQ(ioctl(other, abi::kGemClose, &close_it), -1);
  EXPECT_EQ(ioctl(one, abi::kGemClose, &close_it), 0);
  close(one);
  close(other);
}

TEST(Preload, TheNodeIsACharacterDevice) {
  struct stat status = {};
  ASSERT_EQ(stat(kNode, &status), 0);
  EXPECT_TRUE(S_ISCHR(status.st_mode));
  EXPECT_EQ(major(status.st_rdev), 261U);
  EXPECT_EQ(access(kNode, R_OK | W_OK), 0);
  int fd = open(kNode, O_RDWR);
  ASSERT_GE(fd, 0);
  status = {};
  ASSERT_EQ(fstat(fd, &status), 0);
  EXPECT_TRUE(S_ISCHR(status.st_mode));
  close(fd);
}

TEST(Preload, OtherAccelNodesAreHidden) {
  for (const char* node : {"/dev/accel/accel0", "/dev/accel/accel55"}) {
    struct stat status = {};
    EXPECT_EQ(open(node, O_RDWR), -1);
    EXPECT_EQ(errno, ENOENT);
    EXPECT_EQ(stat(node, &status), -1);
    EXPECT_EQ(access(node, F_OK), -1);
  }
}

TEST(Preload, OtherFilesAreTheKernels) {
  std::string path = testing::TempDir() + "anynpu-preload-test";
  int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  ASSERT_GE(fd, 0) << std::strerror(errno);
  EXPECT_EQ(write(fd, "abc", 3), 3);
  struct stat status = {};
  EXPECT_EQ(fstat(fd, &status), 0);
  EXPECT_TRUE(S_ISREG(status.st_mode));
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(status.st_size, 3);
  status = {};
  EXPECT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 3);
  EXPECT_EQ(lstat(path.c_str(), &status), 0);
  EXPECT_EQ(access(path.c_str(), R_OK), 0);
  EXPECT_EQ(name_of(fd), std::strerror(ENOTTY));
  close(fd);
  unlink(path.c_str());
  EXPECT_EQ(open(path.c_str(), O_RDONLY), -1);
  EXPECT_EQ(errno, ENOENT);
}

}  // namespace
}  // namespace anynpu::sim::rocket

int main(int count, char** arguments) {
  setenv("ANYNPU_SIM_ROCKET", "device=/dev/accel/accel5", 1);
  testing::InitGoogleTest(&count, arguments);
  return RUN_ALL_TESTS();
}
