// SPDX-License-Identifier: Apache-2.0
// The stub of the rknpu device: numbers, layouts, answers, faults; and preloaded into a program.
#include "sim/rknpu_drm/device.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <vector>

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "sim/rknpu_drm/abi.h"
#include "temporary_folder.h"

namespace anynpu::sim::rknpu {
namespace {

using ::testing::HasSubstr;

TEST(RknpuIoctls, Numbers) {
  EXPECT_EQ(request('d', kVersion, sizeof(DrmVersion)), 0xc0406400U);
  EXPECT_EQ(request('d', kGetUnique, sizeof(DrmUnique)), 0xc0106401U);
  EXPECT_EQ(request('d', kGemFlink, sizeof(DrmFlink)), 0xc008640aU);
  EXPECT_EQ(request('d', kPrimeHandleToFd, sizeof(DrmPrime)), 0xc00c642dU);
  EXPECT_EQ(request('d', kAction, sizeof(Action)), 0xc0086440U);
  EXPECT_EQ(request('d', kSubmit, sizeof(Submit)), 0xc0686441U);
  EXPECT_EQ(request('d', kMemCreate, sizeof(MemCreate)), 0xc0306442U);
  EXPECT_EQ(request('d', kMemMap, sizeof(MemMap)), 0xc0106443U);
  EXPECT_EQ(request('d', kMemDestroy, sizeof(MemDestroy)), 0xc0106444U);
  EXPECT_EQ(request('d', kMemSync, sizeof(MemSync)), 0xc0206445U);
  EXPECT_EQ(request('r', kMiscAction, sizeof(Action)), 0xc0087200U);
  EXPECT_EQ(request('r', kMiscSubmit, sizeof(Submit)), 0xc0687201U);
  EXPECT_EQ(request('r', kMiscMemCreate, 40), 0xc0287202U);
  EXPECT_EQ(request('r', kMiscMemDestroy, sizeof(MemDestroy)), 0xc0107204U);
  EXPECT_EQ(request('r', kMiscMemSync, sizeof(MemSync)), 0xc0207205U);
}

TEST(RknpuIoctls, Layouts) {
  EXPECT_EQ(offsetof(DrmVersion, name_length), 16U);
  EXPECT_EQ(offsetof(DrmVersion, description), 56U);
  EXPECT_EQ(offsetof(MemCreate, size), 8U);
  EXPECT_EQ(offsetof(MemCreate, object), 16U);
  EXPECT_EQ(offsetof(MemCreate, dma), 24U);
  EXPECT_EQ(offsetof(MemCreate, sram), 32U);
  EXPECT_EQ(offsetof(MemCreate, domain), 40U);
  EXPECT_EQ(offsetof(MemCreate, core_mask), 44U);
  EXPECT_EQ(offsetof(MemMap, offset), 8U);
  EXPECT_EQ(offsetof(MemSync, object), 8U);
  EXPECT_EQ(offsetof(Submit, task_number), 12U);
  EXPECT_EQ(offsetof(Submit, task_counter), 16U);
  EXPECT_EQ(offsetof(Submit, priority), 20U);
  EXPECT_EQ(offsetof(Submit, task_object), 24U);
  EXPECT_EQ(offsetof(Submit, task_base), 40U);
  EXPECT_EQ(offsetof(Submit, elapsed), 48U);
  EXPECT_EQ(offsetof(Submit, core_mask), 56U);
  EXPECT_EQ(offsetof(Submit, fence), 60U);
  EXPECT_EQ(offsetof(Submit, subcore), 64U);
  EXPECT_EQ(sizeof(Task), 40U);
  EXPECT_EQ(offsetof(Task, regcmd), 32U);
}

Settings settings(const std::string& words) {
  auto parsed = parse_settings(words);
  EXPECT_TRUE(parsed) << words;
  return parsed.value_or(Settings{});
}

TEST(RknpuStub, WordsAreUnderstoodOrRefused) {
  const Settings all = settings(
      "device=/dev/dri/card1:name=rocket:hw=0:drv=0.5.1:iommu=0:fail=submit@2@110:delay=5:log=0");
  EXPECT_EQ(all.name, "rocket");
  EXPECT_EQ(all.hardware, 0U);
  EXPECT_EQ(all.driver[1], 5);
  EXPECT_FALSE(all.iommu);
  ASSERT_EQ(all.failures.size(), 1U);
  EXPECT_EQ(all.failures[0].nth, 2U);
  EXPECT_EQ(all.failures[0].number, 110);
  for (const char* wrong : {"", "name=rknpu", "device=/dev/null", "device=/dev/rknpu:what=1",
                            "device=/dev/rknpu:drv=0.9", "device=/dev/rknpu:fail=@1", "device"})
    EXPECT_FALSE(parse_settings(wrong)) << wrong;
}

template <typename Struct>
int ask(Device& device, unsigned number, Struct& argument, char magic = 'd') {
  return device.ioctl(request(magic, number, sizeof(Struct)), &argument);
}

TEST(RknpuStub, AnswersAsTheDriverDoes) {
  Device device(settings("device=/dev/dri/card1"));
  const int fd = device.open();
  ASSERT_GE(fd, 0);
  EXPECT_TRUE(device.owns(fd));
  EXPECT_FALSE(device.owns(0));
  DrmVersion version{};
  EXPECT_EQ(ask(device, kVersion, version), 0);
  EXPECT_EQ(version.name_length, 5U) << "lengths first, texts when there is room";
  Action action{kGetHardwareVersion, 0};
  EXPECT_EQ(ask(device, kAction, action), 0);
  EXPECT_EQ(action.value, 0x46495245U);
  action = {kGetDriverVersion, 0};
  EXPECT_EQ(ask(device, kAction, action), 0);
  EXPECT_EQ(action.value, 908U);
  action = {99, 0};
  EXPECT_EQ(ask(device, kAction, action), -EINVAL);
  Submit submit{};
  submit.task_number = 6;
  EXPECT_EQ(ask(device, kSubmit, submit), 0);
  EXPECT_EQ(submit.task_counter, 6U);
  EXPECT_EQ(ask(device, kMiscAction, action, 'r'), -ENOTTY) << "the other build's ioctls";
  ::close(fd);
}

TEST(RknpuStub, WritesOnlyWhatTheRequestHasRoomFor) {
  Device device(settings("device=/dev/dri/card0"));
  for (const unsigned size : {32U, 40U, 48U}) {
    std::array<unsigned char, 64> argument;
    argument.fill(0xee);
    const std::uint64_t bytes = 4096;
    std::memcpy(argument.data() + 8, &bytes, sizeof bytes);
    ASSERT_EQ(device.ioctl(request('d', kMemCreate, size), argument.data()), 0);
    for (std::size_t i = size; i < argument.size(); ++i) ASSERT_EQ(argument[i], 0xee) << size;
  }
}

TEST(RknpuStub, BuffersAreApartAndMapped) {
  Device device(settings("device=/dev/dri/card0"));
  const int fd = device.open();
  std::set<std::uint64_t> offsets;
  for (int i = 0; i < 4; ++i) {
    MemCreate memory{};
    memory.size = 5000;
    ASSERT_EQ(ask(device, kMemCreate, memory), 0);
    MemMap map{memory.handle, 0, 0};
    ASSERT_EQ(ask(device, kMemMap, map), 0);
    EXPECT_EQ(map.offset % 4096, 0U);
    EXPECT_TRUE(offsets.insert(map.offset).second);
    void* mapped = ::mmap(nullptr, 5000, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                          static_cast<off_t>(map.offset));
    ASSERT_NE(mapped, MAP_FAILED);
    ::munmap(mapped, 5000);
    MemDestroy destroy{memory.handle, 0, memory.object};
    EXPECT_EQ(ask(device, kMemDestroy, destroy), 0);
    EXPECT_EQ(ask(device, kMemDestroy, destroy), -ENOENT);
  }
  MemCreate large{};
  large.size = std::uint64_t{2} << 30;
  EXPECT_EQ(ask(device, kMemCreate, large), -ENOMEM);
  ::close(fd);
}

TEST(RknpuStub, FailsWhenItIsAskedTo) {
  Device device(settings("device=/dev/dri/card0:fail=submit@2:fail=action1:fail=open@1@13"));
  EXPECT_EQ(device.open(), -EACCES);
  const int fd = device.open();
  EXPECT_GE(fd, 0);
  ::close(fd);
  Submit submit{};
  EXPECT_EQ(ask(device, kSubmit, submit), 0);
  EXPECT_EQ(ask(device, kSubmit, submit), -ETIMEDOUT);
  EXPECT_EQ(ask(device, kSubmit, submit), 0);
  Action action{kGetDriverVersion, 0};
  EXPECT_EQ(ask(device, kAction, action), -EINVAL);
  action = {kGetHardwareVersion, 0};
  EXPECT_EQ(ask(device, kAction, action), 0);
}

struct Walked {
  int status = 0;
  std::string said;
};

/// Where an ordinary user can read it, wherever the build is.
std::filesystem::path readable_copy(const TemporaryFolder& folder,
                                    const std::filesystem::path& of) {
  using std::filesystem::perms;
  const auto copy = folder / of.filename();
  std::filesystem::copy_file(of, copy);
  for (const auto& path : {folder.path(), copy})
    std::filesystem::permissions(path, perms::owner_all | perms::group_read | perms::group_exec |
                                           perms::others_read | perms::others_exec);
  return copy;
}

/// Runs the walk with the stub preloaded, as an ordinary user.
Walked walk(const std::string& words, const char* node, bool as_root = false) {
  const TemporaryFolder folder;
  const std::string program = readable_copy(folder, ANYNPU_RKNPU_WALK);
  const std::string preload = "LD_PRELOAD=" + readable_copy(folder, ANYNPU_RKNPU_PRELOAD).string();
  std::vector<std::string> command;
  const char* emulator = std::getenv("ANYNPU_WORKER_LAUNCHER");  // in cross-compiled builds
  if (emulator != nullptr && *emulator != '\0') {
    command = split(emulator, ' ');
    command.insert(command.end(), {"-E", preload});
  } else {
    command = {"/usr/bin/env", preload};
  }
  command.insert(command.end(), {program, node});
  std::vector<char*> arguments;
  for (std::string& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], 1);
    ::dup2(ends[1], 2);
    ::close(ends[0]);
    if (!as_root && ::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(99);
    ::setenv("ANYNPU_RKNPU_DEVICE", words.c_str(), 1);
    ::execvp(arguments[0], arguments.data());
    ::_exit(98);
  }
  ::close(ends[1]);
  Walked walked;
  std::array<char, 4096> buffer{};
  for (ssize_t some; (some = ::read(ends[0], buffer.data(), buffer.size())) > 0;)
    walked.said.append(buffer.data(), static_cast<std::size_t>(some));
  ::close(ends[0]);
  ::waitpid(child, &walked.status, 0);
  return walked;
}

TEST(RknpuPreload, AProgramFindsADevice) {
  const Walked drm = walk("device=/dev/dri/card3", "/dev/dri/card3");
  EXPECT_EQ(drm.said, "node 226:3 rknpu 0.9.8 hw 46495245 drv 908 tasks 9\n");
  EXPECT_EQ(drm.status, 0);
  const Walked misc = walk("device=/dev/rknpu:drv=0.8.2:hw=0", "/dev/rknpu");
  EXPECT_EQ(misc.said, "node 10:0 hw 0 drv 802 tasks 9\n");
}

TEST(RknpuPreload, AndItsFaults) {
  EXPECT_THAT(walk("device=/dev/dri/card0:fail=open", "/dev/dri/card0").said,
              HasSubstr("open: Permission denied"));
  EXPECT_THAT(walk("device=/dev/dri/card0:fail=create", "/dev/dri/card0").said,
              HasSubstr("create: Cannot allocate memory"));
  EXPECT_THAT(walk("device=/dev/dri/card0:fail=submit", "/dev/dri/card0").said,
              HasSubstr("submit: Connection timed out"));
  EXPECT_THAT(walk("device=/dev/dri/card0:name=rocket", "/dev/dri/card0").said,
              HasSubstr("rocket"));
}

TEST(RknpuPreload, HidesOtherDevices) {
  EXPECT_THAT(walk("device=/dev/dri/card5", "/dev/dri/card0").said,
              HasSubstr("stat: No such file or directory"));
}

TEST(RknpuPreload, DoesNothingUnasked) {
  const Walked null = walk("", "/dev/null");
  EXPECT_THAT(null.said, HasSubstr("node 1:3 "));
}

TEST(RknpuPreload, NeverAsRootAndNeverMisspelt) {
  if (::geteuid() == 0) {
    EXPECT_THAT(walk("device=/dev/dri/card0", "/dev/dri/card0", true).said,
                HasSubstr("not as root"));
  }
  const Walked misspelt = walk("device=/dev/dri/card0:hv=0", "/dev/dri/card0");
  EXPECT_THAT(misspelt.said, HasSubstr("not understood"));
}

}  // namespace
}  // namespace anynpu::sim::rknpu
