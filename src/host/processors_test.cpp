// SPDX-License-Identifier: Apache-2.0
#include "host/processors.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "temporary_folder.h"

namespace anynpu::host {
namespace {

class ProcessorsTest : public ::testing::Test {
 protected:
  void file(const std::string& path, std::string_view content) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << content;
  }
  bool alike() {
    auto machine = machine_of_tree(root_.path());
    EXPECT_TRUE(machine) << machine.error().message;
    return processors_are_alike(**machine);
  }

 private:
  TemporaryFolder root_;
};

TEST_F(ProcessorsTest, AreAlikeWhereNothingSaysOtherwise) {
  EXPECT_TRUE(alike());
  file("sys/devices/system/cpu/cpu0/topology/core_id", "0\n");
  file("sys/devices/system/cpu/cpu0/cpu_capacity", "1024\n");
  file("sys/devices/system/cpu/cpu1/cpu_capacity", "1024\n");
  file("sys/devices/system/cpu/cpufreq/cpu_capacity", "5\n");
  EXPECT_TRUE(alike());
}

TEST_F(ProcessorsTest, LittleCoresOfTheRk3588) {
  for (int i = 0; i < 8; ++i)
    file("sys/devices/system/cpu/cpu" + std::to_string(i) + "/cpu_capacity",
         i < 4 ? "530\n" : "1024\n");
  EXPECT_FALSE(alike());
}

TEST_F(ProcessorsTest, DenseCoresAreSlowerThanThePreferredOneIsFaster) {
  file("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "5157895\n");
  file("sys/devices/system/cpu/cpu1/cpufreq/cpuinfo_max_freq", "4900000\n");
  EXPECT_TRUE(alike());
  file("sys/devices/system/cpu/cpu2/cpufreq/cpuinfo_max_freq", "3300000\n");
  EXPECT_FALSE(alike());
}

TEST_F(ProcessorsTest, EfficiencyCores) {
  file("sys/devices/cpu_atom/type", "10\n");
  EXPECT_FALSE(alike());
}

}  // namespace
}  // namespace anynpu::host
