// SPDX-License-Identifier: Apache-2.0
// What is odd on a machine costs the check that looks at it, and no other: a file that would block,
// a log without end, folders that lead to themselves, a tree that may not be read.
#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "doctor/doctor.h"
#include "host/manifest.h"
#include "temporary_folder.h"

namespace anynpu::doctor {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

host::MachineDescription board(const std::string& lines) {
  auto load = [](const std::string& name) {
    return host::load_manifest(fs::path(ANYNPU_SOURCE_DIR) / "sim/machines" / (name + ".machine"));
  };
  auto description = host::parse_manifest("base rk3588-vendor\n" + lines, load);
  EXPECT_TRUE(description) << description.error().message;
  return description ? *description : host::MachineDescription{};
}

/// In a process of their own, as the command runs them.
Diagnosis doctor_of(const host::Machine& machine) {
  Diagnosis diagnosis = diagnose(machine);
  EXPECT_EQ(diagnosis.failure, "");
  for (const Outcome& outcome : diagnosis.outcomes)
    EXPECT_FALSE(outcome.lost) << outcome.check->id << ": " << outcome.why;
  return diagnosis;
}

std::map<std::string, std::string> unknown_of(const Diagnosis& diagnosis) {
  std::map<std::string, std::string> found;
  for (const Outcome* outcome : diagnosis.unknown())
    found.emplace(outcome->check->id, outcome->why);
  return found;
}

class BoundsTest : public ::testing::Test {
 protected:
  /// The healthy board as a folder.
  BoundsTest() { EXPECT_TRUE(host::expand_manifest(board(""), folder_.path())); }
  Diagnosis diagnosis() {
    auto machine = host::machine_of_tree(folder_.path());
    EXPECT_TRUE(machine) << machine.error().message;
    return machine ? doctor_of(**machine) : Diagnosis{};
  }
  fs::path at(const std::string& path) { return folder_.path() / path; }

  TemporaryFolder folder_;
};

TEST_F(BoundsTest, AFileThatWouldBlockIsNotRead) {
  for (const char* name : {"proc/rknpu/load", "proc/meminfo", "sys/module/rknpu/version",
                           "sys/firmware/devicetree/base/compatible"}) {
    fs::create_directories(at(name).parent_path());
    fs::remove(at(name));
    ASSERT_EQ(::mkfifo(at(name).c_str(), 0644), 0) << name;
  }
  Diagnosis found = diagnosis();
  EXPECT_THAT(found.findings(), IsEmpty());
}

TEST_F(BoundsTest, FoldersThatLeadToThemselves) {
  fs::create_directory_symlink("..", at("sys/class/thermal/thermal_zone9"));
  fs::create_directory_symlink("loop", at("sys/class/drm/loop"));
  fs::create_directory_symlink("/sys/class/accel", at("sys/class/accel"));
  fs::create_directory_symlink("/", at("proc/7"));
  Diagnosis found = diagnosis();
  EXPECT_THAT(found.findings(), IsEmpty());
  EXPECT_THAT(unknown_of(found), IsEmpty());
}

TEST_F(BoundsTest, AFolderWithTooManyNamesAndAFileThatIsTooLong) {
  for (int i = 0; i < 6000; ++i) fs::create_directories(at("proc/x" + std::to_string(i)));
  fs::resize_file(at("proc/rknpu/load"), std::uintmax_t{1} << 40);  // sparse
  Diagnosis found = diagnosis();
  EXPECT_THAT(found.findings(), IsEmpty());
}

TEST(BoundsOfMachinesTest, ALogWithoutEnd) {
  host::MachineDescription description = board("");
  const std::string line(100, 'x');
  for (int i = 0; i < 100000; ++i) description.log.push_back("[ 5.0] usb 1-1: " + line);
  description.log.emplace_back("[ 9.0] RKNPU: job timeout, flags: 0x5:");
  auto machine = host::simulated_machine(std::move(description));
  Diagnosis found = doctor_of(*machine);
  ASSERT_THAT(found.findings(), SizeIs(1));
  EXPECT_EQ(found.findings()[0].id, "RK-JOB-TIMEOUT");
}

TEST(BoundsOfMachinesTest, ATreeThatMayNotBeReadIsNeverHealthy) {
  auto machine = host::simulated_machine(
      board("fail /sys/devices/platform/fdab0000.npu/devfreq/fdab0000.npu/max_freq EACCES\n"
            "fail /sys/module/rknpu/version EACCES\nfail /proc/rknpu EIO\n"
            "kmsg-none Permission denied\n"));
  Diagnosis found = doctor_of(*machine);
  EXPECT_THAT(found.findings(), IsEmpty());
  std::map<std::string, std::string> unknown = unknown_of(found);
  EXPECT_THAT(unknown, Contains(::testing::Pair("RK-CLOCK-CAPPED", HasSubstr("does not tell"))));
  EXPECT_THAT(unknown, Contains(::testing::Pair("RK-JOB-TIMEOUT", "Permission denied")));
  EXPECT_EQ(found.exit_code(true), kExitDegraded);
}

}  // namespace
}  // namespace anynpu::doctor
