// SPDX-License-Identifier: Apache-2.0
// The driver's calls: buffers, jobs, and every fault on demand.
#include "sim/rocket/device.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/rocket/test_stream.h"
#include "temporary_folder.h"

namespace anynpu::sim::rocket {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

/// An open file of the device, with one convolution that multiplies its input by one.
class Board {
 public:
  explicit Board(const std::string& faults = "", Settings settings = {}) {
    ::setenv("ANYNPU_SIM_FAULT", faults.c_str(), 1);
    simulation_.emplace(std::move(settings));
    device_.emplace(*simulation_);
    fd_ = ::memfd_create("test", MFD_CLOEXEC);
    EXPECT_EQ(::ftruncate(fd_, Buffers::kSpan), 0);
  }
  ~Board() {
    ::close(fd_);
    ::unsetenv("ANYNPU_SIM_FAULT");
  }
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  template <class Argument>
  int call(std::uint32_t request, Argument& argument) {
    return device_->call(fd_, request, &argument);
  }
  int create(std::uint32_t size, abi::CreateBo& buffer) {
    buffer = {size, 0, 0, 0};
    return call(abi::kCreateBo, buffer);
  }
  int prepare(std::uint32_t handle, std::int64_t timeout_ns = INT64_MAX) {
    abi::PrepBo prepare = {handle, 0, timeout_ns};
    return call(abi::kPrepBo, prepare);
  }
  int submit(const std::vector<abi::Job>& jobs) {
    abi::Submit submit = {reinterpret_cast<std::uint64_t>(jobs.data()),
                          static_cast<std::uint32_t>(jobs.size()), sizeof(abi::Job), 0};
    return call(abi::kSubmit, submit);
  }

  void write(const abi::CreateBo& at, const void* bytes, std::size_t size) {
    EXPECT_EQ(::pwrite(fd_, bytes, size, static_cast<off_t>(at.offset)),
              static_cast<ssize_t>(size));
  }
  std::vector<std::int8_t> read(const abi::CreateBo& at, std::size_t size = 256) {
    std::vector<std::int8_t> bytes(size);
    EXPECT_EQ(::pread(fd_, bytes.data(), size, static_cast<off_t>(at.offset)),
              static_cast<ssize_t>(size));
    return bytes;
  }

  /// Buffers and command stream of the convolution.
  void prepare_convolution() {
    for (abi::CreateBo* buffer : {&input, &weights, &biases, &output, &commands})
      ASSERT_EQ(create(4096, *buffer), 0);
    std::vector<std::int8_t> ones(256, 0);
    for (std::size_t channel = 0; channel < 16; ++channel) ones[channel * 16 + channel] = 1;
    write(weights, ones.data(), ones.size());
    Registers registers =
        small_convolution({address(input), address(weights), address(biases), address(output)});
    std::vector<std::uint64_t> words = stream(registers);
    write(commands, words.data(), words.size() * 8);
    task = {address(commands), static_cast<std::uint32_t>(words.size())};
  }
  abi::Job job() {
    return {reinterpret_cast<std::uint64_t>(&task),
            reinterpret_cast<std::uint64_t>(&input.handle),
            reinterpret_cast<std::uint64_t>(&output.handle),
            1,
            sizeof(abi::Task),
            1,
            1};
  }
  void set_input(int value) {
    std::vector<std::int8_t> bytes(256, static_cast<std::int8_t>(value));
    write(input, bytes.data(), bytes.size());
  }
  static std::uint32_t address(const abi::CreateBo& buffer) {
    return static_cast<std::uint32_t>(buffer.dma_address);
  }
  Simulation& simulation() { return *simulation_; }

  abi::CreateBo input = {}, weights = {}, biases = {}, output = {}, commands = {};
  abi::Task task = {};

 private:
  std::optional<Simulation> simulation_;
  std::optional<Device> device_;
  int fd_ = -1;
};

/// What a call costs is not tested; that a wait lasted as long as it had to is.
double milliseconds_of(const std::function<void()>& work) {
  std::int64_t start = monotonic_ns();
  work();
  return static_cast<double>(monotonic_ns() - start) / 1e6;
}

TEST(RocketDevice, TellsItsName) {
  Board board;
  char name[8] = "xxxxxxx", description[4] = "xxx";
  abi::Version version = {9, 9, 9, sizeof name, name, 0, nullptr, 3, description};
  ASSERT_EQ(board.call(abi::kVersion, version), 0);
  EXPECT_EQ(version.major + version.minor + version.patch, 0);
  EXPECT_STREQ(name, "rocketx");  // no end mark
  EXPECT_STREQ(description, "roc");
  EXPECT_EQ(version.name_length, 6U);
  EXPECT_EQ(version.description_length, 10U);
  EXPECT_EQ(version.date_length, 1U);
}

TEST(RocketDevice, RefusesOtherCalls) {
  Board board;
  std::uint64_t any = 0;
  EXPECT_EQ(board.call(0x5401, any), -ENOTTY);
  EXPECT_EQ(board.call(0xc0086444, any), -EINVAL);
  EXPECT_EQ(board.call(0x40086440, any), -EINVAL);  // a size that is not the call's
}

TEST(RocketDevice, BuffersAreZeroWhenNew) {
  Board board;
  abi::CreateBo buffer;
  EXPECT_EQ(board.create(0, buffer), -EINVAL);
  ASSERT_EQ(board.create(100, buffer), 0);
  EXPECT_EQ(buffer.handle, 1U);
  EXPECT_EQ(buffer.offset, buffer.dma_address);
  board.write(buffer, "abc", 3);
  abi::GemClose close = {buffer.handle, 0};
  EXPECT_EQ(board.call(abi::kGemClose, close), 0);
  EXPECT_EQ(board.call(abi::kGemClose, close), -EINVAL);
  abi::CreateBo again;
  ASSERT_EQ(board.create(100, again), 0);
  EXPECT_EQ(again.handle, buffer.handle);
  EXPECT_EQ(again.dma_address, buffer.dma_address);
  EXPECT_THAT(board.read(again), Each(0));
}

TEST(RocketDevice, WaitsForKnownBuffersOnly) {
  Board board;
  abi::CreateBo buffer;
  ASSERT_EQ(board.create(100, buffer), 0);
  EXPECT_EQ(board.prepare(buffer.handle, 0), 0);  // not busy: the deadline does not matter
  EXPECT_EQ(board.prepare(7), -ENOENT);
  abi::PrepBo reserved = {buffer.handle, 1, 0};
  EXPECT_EQ(board.call(abi::kPrepBo, reserved), -EINVAL);
  abi::FiniBo finish = {buffer.handle, 0};
  EXPECT_EQ(board.call(abi::kFiniBo, finish), 0);
  finish.handle = 7;
  EXPECT_EQ(board.call(abi::kFiniBo, finish), -ENOENT);
}

TEST(RocketDevice, RunsAJob) {
  Board board;
  board.prepare_convolution();
  board.set_input(42);
  EXPECT_EQ(board.submit({board.job()}), 0);
  EXPECT_EQ(board.prepare(board.output.handle), 0);
  EXPECT_THAT(board.read(board.output), Each(42));
}

TEST(RocketDevice, ChecksASubmit) {
  Board board;
  board.prepare_convolution();
  std::vector<abi::Job> jobs = {board.job()};
  auto address = reinterpret_cast<std::uint64_t>(jobs.data());
  abi::Submit submit = {address, 0, 0, 1};
  EXPECT_EQ(board.call(abi::kSubmit, submit), 0);  // no jobs: nothing else is looked at
  submit = {address, 1, 39, 0};
  EXPECT_EQ(board.call(abi::kSubmit, submit), -EINVAL);
  submit = {address, 1, 40, 1};
  EXPECT_EQ(board.call(abi::kSubmit, submit), -EINVAL);
  submit = {0, 1, 40, 0};
  EXPECT_EQ(board.call(abi::kSubmit, submit), -EFAULT);
}

// The driver drops such jobs and says nothing.
TEST(RocketDevice, DropsJobsThatAreWrong) {
  Board board;
  board.prepare_convolution();
  board.set_input(42);
  std::uint32_t unknown = 99;
  abi::Task empty = {board.task.regcmd, 0};
  abi::Task outside = {board.task.regcmd + 4090, board.task.regcmd_count};
  std::vector<abi::Job> jobs(6, board.job());
  jobs[0].task_count = 0;
  jobs[1].task_struct_size = 7;
  jobs[2].in_handles = reinterpret_cast<std::uint64_t>(&unknown);
  jobs[3].out_handles = reinterpret_cast<std::uint64_t>(&unknown);
  jobs[4].tasks = reinterpret_cast<std::uint64_t>(&empty);
  jobs[5].tasks = reinterpret_cast<std::uint64_t>(&outside);
  EXPECT_EQ(board.submit(jobs), 0);
  EXPECT_THAT(board.read(board.output), Each(0));
  jobs.push_back(board.job());
  EXPECT_EQ(board.submit(jobs), 0);
  EXPECT_THAT(board.read(board.output), Each(42));
}

TEST(RocketDevice, CallsFailOnDemand) {
  Board board(
      "create:after=6:times=1+submit:after=1:times=1+prepare:after=2+finish+close:error=2+version");
  board.prepare_convolution();
  board.set_input(42);
  abi::CreateBo buffer;
  EXPECT_EQ(board.create(1, buffer), 0);
  EXPECT_EQ(board.create(1, buffer), -ENOMEM);
  EXPECT_EQ(board.create(1, buffer), 0);
  EXPECT_EQ(board.submit({board.job()}), 0);
  EXPECT_EQ(board.submit({board.job()}), -EIO);
  EXPECT_EQ(board.submit({board.job()}), 0);
  EXPECT_EQ(board.prepare(board.output.handle), 0);
  EXPECT_EQ(board.prepare(board.output.handle), 0);
  EXPECT_EQ(board.prepare(board.output.handle), -ETIMEDOUT);
  abi::FiniBo finish = {board.output.handle, 0};
  EXPECT_EQ(board.call(abi::kFiniBo, finish), -EIO);
  abi::GemClose close = {board.output.handle, 0};
  EXPECT_EQ(board.call(abi::kGemClose, close), -ENOENT);
  abi::Version version = {};
  EXPECT_EQ(board.call(abi::kVersion, version), -EACCES);
}

TEST(RocketDevice, AnotherDriversName) {
  Settings settings;
  settings.driver = "rknpu";
  Board board("", settings);
  char name[8] = {};
  abi::Version version = {0, 0, 0, sizeof name, name, 0, nullptr, 0, nullptr};
  EXPECT_EQ(board.call(abi::kVersion, version), 0);
  EXPECT_STREQ(name, "rknpu");
}

// Nobody is told: submit and prepare succeed, the output is that of the last time.
TEST(RocketDevice, ATimeoutLeavesTheOutputStale) {
  const TemporaryFolder folder;
  Settings settings;
  settings.kernel_log = (folder / "kmsg").string();
  Board board("timeout:after=1:times=1:ms=60", settings);
  board.prepare_convolution();
  board.set_input(1);
  EXPECT_EQ(board.submit({board.job()}), 0);
  EXPECT_EQ(board.prepare(board.output.handle), 0);
  board.set_input(2);
  EXPECT_EQ(board.submit({board.job()}), 0);
  EXPECT_EQ(board.prepare(board.output.handle, monotonic_ns()), -EBUSY);
  EXPECT_EQ(board.prepare(board.output.handle, monotonic_ns() + 5'000'000), -ETIMEDOUT);
  EXPECT_EQ(board.prepare(board.input.handle), 0);  // inputs never wait
  EXPECT_EQ(board.prepare(board.output.handle), 0);
  EXPECT_THAT(board.read(board.output), Each(1));
  EXPECT_EQ(board.submit({board.job()}), 0);
  EXPECT_EQ(board.prepare(board.output.handle), 0);
  EXPECT_THAT(board.read(board.output), Each(2));

  std::ifstream log(settings.kernel_log);
  std::string lines((std::istreambuf_iterator<char>(log)), {});
  EXPECT_THAT(lines, HasSubstr(",-;rocket fdab0000.npu: NPU job timed out\n"));
  EXPECT_EQ(lines.find("timed out"), lines.rfind("timed out"));
}

TEST(RocketDevice, ATimeoutLastsHalfASecond) {
  Board board("timeout");
  board.prepare_convolution();
  EXPECT_GE(milliseconds_of([&] {
              EXPECT_EQ(board.submit({board.job()}), 0);
              EXPECT_EQ(board.prepare(board.output.handle), 0);
            }),
            500);
}

TEST(RocketDevice, AWedgedDeviceTimesOutForEver) {
  Board board("wedge:times=1:ms=20");
  board.prepare_convolution();
  board.set_input(3);
  EXPECT_EQ(board.submit({board.job()}), 0);
  EXPECT_GE(milliseconds_of([&] {
              EXPECT_EQ(board.submit({board.job(), board.job()}), 0);
              EXPECT_EQ(board.prepare(board.output.handle), 0);
            }),
            40);
  EXPECT_THAT(board.read(board.output), Each(0));
}

TEST(RocketDevice, ALostFenceIsWaitedForEver) {
  Board board("hang");
  board.prepare_convolution();
  EXPECT_EQ(board.submit({board.job()}), 0);
  EXPECT_EQ(board.prepare(board.output.handle, monotonic_ns() + 30'000'000), -ETIMEDOUT);
}

TEST(RocketDevice, ASlowDeviceIsRight) {
  Board board("slow:ms=30");
  board.prepare_convolution();
  board.set_input(4);
  EXPECT_GE(milliseconds_of([&] {
              EXPECT_EQ(board.submit({board.job()}), 0);
              EXPECT_EQ(board.prepare(board.output.handle), 0);
            }),
            30);
  EXPECT_THAT(board.read(board.output), Each(4));
}

TEST(RocketDevice, AWrongAnswer) {
  Board board("corrupt");
  board.prepare_convolution();
  board.set_input(4);
  EXPECT_EQ(board.submit({board.job()}), 0);
  EXPECT_THAT(board.read(board.output), Each(~4));
}

TEST(RocketDevice, GoesAwayAndComesBack) {
  const TemporaryFolder folder;
  const std::string control = (folder / "control").string();
  ::setenv("ANYNPU_SIM_CONTROL", control.c_str(), 1);
  Board board("gone:after=1");
  board.prepare_convolution();
  board.set_input(5);
  EXPECT_EQ(board.submit({board.job()}), 0);
  EXPECT_EQ(board.submit({board.job()}), -ENODEV);
  EXPECT_EQ(board.prepare(board.output.handle), -ENODEV);
  std::ofstream(control).flush();  // an empty file: no fault any more
  EXPECT_EQ(board.prepare(board.output.handle), 0);
  EXPECT_EQ(board.submit({board.job()}), 0);
  ::unsetenv("ANYNPU_SIM_CONTROL");
}

TEST(RocketDevice, MayComputeNothing) {
  Settings settings;
  settings.compute = false;
  Board board("", settings);
  board.prepare_convolution();
  board.set_input(6);
  EXPECT_EQ(board.submit({board.job()}), 0);
  EXPECT_THAT(board.read(board.output), Each(0));
}

TEST(RocketDeviceDeathTest, StrictEndsTheProgram) {
  Settings settings;
  settings.strict = true;
  Board board("", settings);
  board.prepare_convolution();
  abi::Task outside = {4, 1};
  abi::Job job = board.job();
  job.tasks = reinterpret_cast<std::uint64_t>(&outside);
  EXPECT_DEATH(board.submit({job}), "outside of all buffers");
}

}  // namespace
}  // namespace anynpu::sim::rocket
