// SPDX-License-Identifier: Apache-2.0
#include "sim/common/faults.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <signal.h>

#include "temporary_folder.h"

namespace anynpu::sim {
namespace {

class FaultsTest : public ::testing::Test {
 protected:
  FaultsTest() { clear(); }
  ~FaultsTest() override { clear(); }
  static void clear() {
    for (const char* name : {"ANYNPU_SIM_FAULT", "ANYNPU_SIM_CONTROL", "ANYNPU_SIM_STATE"})
      ::unsetenv(name);
  }
  static void ask_for(const char* faults) { ::setenv("ANYNPU_SIM_FAULT", faults, 1); }
  static std::string pattern(Faults& faults, int times) {
    std::string seen;
    for (int i = 0; i < times; ++i) seen += faults.strikes("crash") ? 'x' : '.';
    return seen;
  }
};

TEST_F(FaultsTest, NothingStrikesUnasked) {
  Faults faults({"crash"});
  EXPECT_EQ(pattern(faults, 3), "...");
}

TEST_F(FaultsTest, AfterAndTimes) {
  ask_for("crash:after=2:times=3");
  Faults faults({"crash", "slow"});
  EXPECT_EQ(pattern(faults, 8), "..xxx...");
  EXPECT_TRUE(faults.active("crash"));
  EXPECT_FALSE(faults.active("slow"));
}

TEST_F(FaultsTest, OneInIsTheSameForTheSameSeed) {
  ask_for("crash:one-in=10:seed=7");
  Faults first({"crash"}), second({"crash"});
  const std::string seen = pattern(first, 2000);
  EXPECT_EQ(pattern(second, 2000), seen);
  const auto struck = std::count(seen.begin(), seen.end(), 'x');
  EXPECT_GT(struck, 140);
  EXPECT_LT(struck, 260);
  ask_for("crash:one-in=10:seed=8");
  Faults third({"crash"});
  EXPECT_NE(pattern(third, 2000), seen);
}

TEST_F(FaultsTest, TheStateFolderGoesOnCounting) {
  const TemporaryFolder folder;
  ::setenv("ANYNPU_SIM_STATE", folder.path().c_str(), 1);
  ask_for("crash:times=1");
  Faults before({"crash"});
  EXPECT_EQ(pattern(before, 2), "x.");
  Faults after_restart({"crash"});
  EXPECT_EQ(pattern(after_restart, 2), "..");
}

TEST_F(FaultsTest, TheControlFileCountsInsteadAndIsReadAgain) {
  const TemporaryFolder folder;
  const auto control = folder / "control";
  ::setenv("ANYNPU_SIM_CONTROL", control.c_str(), 1);
  ask_for("crash");
  Faults faults({"crash"});
  EXPECT_EQ(pattern(faults, 2), "xx");
  std::ofstream(control) << "";
  EXPECT_EQ(pattern(faults, 2), "..");
  std::ofstream(control) << "crash\n";
  EXPECT_EQ(pattern(faults, 2), "xx");
  std::filesystem::remove(control);
  EXPECT_EQ(pattern(faults, 1), "x");
}

TEST_F(FaultsTest, WhatCannotBeMeantEndsTheProcess) {
  for (const char* wrong :
       {"crsh", "crash:after", "crash:after=x", "crash:one-in=0", "crash:when=3", ":after=1"}) {
    ask_for(wrong);
    EXPECT_EXIT(
        {
          Faults faults({"crash"});
          faults.strikes("crash");
        },
        ::testing::ExitedWithCode(70), "simulated device: ")
        << wrong;
  }
}

TEST_F(FaultsTest, Limits) {
  EXPECT_FALSE(parse_faults(std::string(5000, 'a')));
  std::string many;
  for (int i = 0; i < 17; ++i) many += "crash+";
  EXPECT_FALSE(parse_faults(many));
  auto two = parse_faults("crash:times=1+slow:ms=50");
  ASSERT_TRUE(two);
  ASSERT_EQ(two->size(), 2U);
  EXPECT_EQ(two->back().ms, 50);
}

TEST_F(FaultsTest, ACrashIsASegmentationFault) {
  EXPECT_EXIT(crash(), ::testing::KilledBySignal(SIGSEGV), "");
}

}  // namespace
}  // namespace anynpu::sim
