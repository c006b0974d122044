// SPDX-License-Identifier: Apache-2.0
// The simulated machine of the test program: one state folder and one file that commands its
// faults.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/file.h"
#include "temporary_folder.h"

namespace anynpu::sim {

class SimulatedMachineTest : public ::testing::Test {
 protected:
  SimulatedMachineTest() {
    const std::filesystem::path folder = machine();
    ::setenv("ANYNPU_SIM_STATE", folder.c_str(), 1);
    ::setenv("ANYNPU_SIM_CONTROL", (folder / "control").c_str(), 1);
    ::setenv("ANYNPU_AXCL_LOG", (folder / "axcl_logs.txt").c_str(), 1);
    std::filesystem::remove(folder / "axcl_logs.txt");
    forget_counts();
    fault("");
  }
  ~SimulatedMachineTest() override { fault(""); }

  static std::filesystem::path machine() {
    static const TemporaryFolder folder;
    return folder.path();
  }

  /// Every fault counts from here; the counts are mapped by the simulators, so the files stay.
  static void forget_counts() {
    for (const auto& entry : std::filesystem::directory_iterator(machine()))
      if (entry.path().filename().string().starts_with("fault.")) {
        const auto size = std::filesystem::file_size(entry.path());
        std::filesystem::resize_file(entry.path(), 0);
        std::filesystem::resize_file(entry.path(), size);
      }
  }

  static void fault(const std::string& words) {
    ASSERT_TRUE(write_file(machine() / "control", std::string_view(words)));
    forget_counts();
  }
};

}  // namespace anynpu::sim
