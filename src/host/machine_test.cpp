// SPDX-License-Identifier: Apache-2.0
// Both kinds of machine: bounded, never waiting, and a tree that cannot be left.
#include "host/machine.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace anynpu::host {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TreeMachineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "anynpu-machine-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }

  void file(const std::string& path, std::string_view content) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << content;
  }
  void link(const std::string& path, const std::string& target) {
    fs::create_directories((root_ / path).parent_path());
    fs::create_symlink(target, root_ / path);
  }
  std::unique_ptr<Machine> machine() {
    auto machine = machine_of_tree(root_);
    EXPECT_TRUE(machine) << machine.error().message;
    return std::move(*machine);
  }

  fs::path root_;
};

TEST_F(TreeMachineTest, ReadsFilesAndFoldersOfTheTree) {
  file("proc/cpuinfo", "processor : 0\n");
  file("sys/class/accel/accel1/x", "");
  file("sys/class/accel/accel0/x", "");
  EXPECT_EQ(machine()->read_text("/proc/cpuinfo").value(), "processor : 0\n");
  EXPECT_THAT(machine()->list("/sys/class/accel"), ElementsAre("accel0", "accel1"));
  EXPECT_THAT(machine()->list("/sys/class/none"), IsEmpty());
  EXPECT_TRUE(machine()->exists("/sys/class"));
  EXPECT_FALSE(machine()->exists("/sys/bus"));
  EXPECT_EQ(machine()->read_text("/none").error().code, Code::kNotFound);
}

TEST_F(TreeMachineTest, FollowsRelativeAndAbsoluteLinksInsideTheTree) {
  file("sys/devices/platform/fdab0000.npu/modalias", "platform:rknn\n");
  link("sys/class/accel/accel0", "../../devices/platform/fdab0000.npu");
  link("proc/device-tree", "/sys/devices/platform");
  EXPECT_EQ(machine()->read_text("/sys/class/accel/accel0/modalias").value(), "platform:rknn\n");
  EXPECT_EQ(machine()->read_text("/proc/device-tree/fdab0000.npu/modalias").value(),
            "platform:rknn\n");
  EXPECT_EQ(machine()->read_link("/sys/class/accel/accel0").value(),
            "../../devices/platform/fdab0000.npu");
}

TEST_F(TreeMachineTest, CannotBeLeft) {
  link("absolute", "/etc/passwd");
  link("up", "../../../../../../../../etc/passwd");
  EXPECT_FALSE(machine()->read_text("/absolute"));
  EXPECT_FALSE(machine()->read_text("/up"));
  EXPECT_FALSE(machine()->read_text("/../../../../../../etc/passwd"));
  file("etc/passwd", "inside");
  EXPECT_EQ(machine()->read_text("/absolute").value(), "inside");
  EXPECT_EQ(machine()->read_text("/up").value(), "inside");
}

TEST_F(TreeMachineTest, CircularLinksEnd) {
  link("a", "b");
  link("b", "a");
  EXPECT_EQ(machine()->read_text("/a").error().system_errno, ELOOP);
}

TEST_F(TreeMachineTest, RefusesFifosAtOnceAndLongFiles) {
  file("long", std::string(1000, 'x'));
  ASSERT_EQ(::mkfifo((root_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(machine()->read_text("/fifo").error().code, Code::kInvalid);
  EXPECT_EQ(machine()->read_text("/long", 999).error().code, Code::kTooLarge);
  EXPECT_EQ(machine()->read_text("/long", 1000).value().size(), 1000U);
}

TEST_F(TreeMachineTest, ListsAreBounded) {
  fs::create_directories(root_ / "many");
  for (std::size_t i = 0; i < Machine::kMostNames + 5; ++i)
    ASSERT_EQ(::symlink("x", (root_ / "many" / std::to_string(i)).c_str()), 0);
  EXPECT_EQ(machine()->list("/many").size(), Machine::kMostNames);
}

TEST_F(TreeMachineTest, NodesComeFromTheDescription) {
  file("machine.json", R"({"uid": 1000, "groups": [1000, 44], "nodes": {
    "/dev/accel/accel0": {"kind": "char", "mode": "0660", "gid": 105, "major": 261, "minor": 3}}})");
  auto node = machine()->stat("/dev/accel/accel0").value();
  EXPECT_EQ(node.kind, NodeKind::kCharacterDevice);
  EXPECT_EQ(node.permissions, 0660U);
  EXPECT_EQ(node.gid, 105U);
  EXPECT_EQ(node.major, 261U);
  EXPECT_EQ(node.minor, 3U);
  EXPECT_THAT(machine()->list("/dev/accel"), ElementsAre("accel0"));
  EXPECT_THAT(machine()->list("/dev"), ElementsAre("accel"));
  EXPECT_EQ(machine()->identity().uid, 1000U);
  EXPECT_THAT(machine()->identity().groups, ElementsAre(1000U, 44U));
}

TEST_F(TreeMachineTest, BrokenDescriptionNamesTheFileAndTheFault) {
  file("machine.json", R"({"nodes": {"/dev/x": {"mode": "99"}}})");
  auto broken = machine_of_tree(root_);
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message, HasSubstr("machine.json: node /dev/x: mode must be octal"));
  file("machine.json", "[1, 2");
  EXPECT_THAT(machine_of_tree(root_).error().message, HasSubstr("is not a JSON object"));
  file("machine.json", R"({"uid": -1})");
  EXPECT_THAT(machine_of_tree(root_).error().message, HasSubstr("uid must be a whole number"));
}

TEST_F(TreeMachineTest, RootMustBeAFolder) {
  file("proc", "");
  EXPECT_EQ(machine_of_tree(root_ / "none").error().code, Code::kNotFound);
  EXPECT_EQ(machine_of_tree(root_ / "proc").error().code, Code::kInvalid);
}

TEST(RunningMachineTest, SeesThisProcess) {
  auto machine = running_machine();
  EXPECT_TRUE(machine->read_text("/proc/self/status"));
  EXPECT_EQ(machine->stat("/dev/null").value().kind, NodeKind::kCharacterDevice);
  EXPECT_EQ(machine->read_text("/dev/null").error().code, Code::kInvalid);
  EXPECT_EQ(machine->identity().uid, ::geteuid());
  EXPECT_EQ(machine->identity().groups.front(), ::getegid());
}

}  // namespace
}  // namespace anynpu::host
