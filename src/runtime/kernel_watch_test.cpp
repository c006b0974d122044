// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernel_watch.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "temporary_folder.h"

namespace anynpu::runtime {
namespace {

using ::testing::HasSubstr;

class KernelWatchTest : public ::testing::Test {
 protected:
  void log(const std::string& text) {
    std::ofstream(path_, std::ios::app | std::ios::binary) << text;
  }
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "kmsg";
};

TEST_F(KernelWatchTest, TellsOfTroubleOnceAndOnlyOfWhatComesLater) {
  log("3,1,1,-;rocket fdab0000.npu: NPU job timed out\n");
  KernelWatch watch("rocket", path_);
  EXPECT_TRUE(watch.readable());
  EXPECT_FALSE(watch.blind());
  EXPECT_EQ(watch.news(), "");
  log("6,2,2,-;usb 1-1: new device\n3,3,3,-;rocket fdac0000.npu: NPU job timed out\n "
      "SUBSYSTEM=x\n");
  EXPECT_EQ(watch.news(), "rocket fdac0000.npu: NPU job timed out");
  EXPECT_EQ(watch.news(), "");
}

TEST_F(KernelWatchTest, ALineThatComesInPiecesIsOneLine) {
  log("");
  KernelWatch watch("rocket", path_);
  log("3,3,3,-;rocket fdac0000.npu: NPU job ");
  EXPECT_EQ(watch.news(), "");
  log("timed out\n");
  EXPECT_EQ(watch.news(), "rocket fdac0000.npu: NPU job timed out");
}

TEST_F(KernelWatchTest, EachFamilyHasItsOwnTrouble) {
  log("");
  KernelWatch rocket("rocket", path_), rknpu("rknpu", path_), other("cpu", path_);
  log("3,3,3,-;RKNPU: job timeout, flags: 0x0:\n");
  EXPECT_EQ(rocket.news(), "");
  EXPECT_EQ(rknpu.news(), "RKNPU: job timeout, flags: 0x0:");
  EXPECT_FALSE(other.readable());
  EXPECT_FALSE(other.blind()) << "there is nothing to see";
}

TEST_F(KernelWatchTest, ALogThatCannotBeReadTellsNothing) {
  KernelWatch watch("rocket", folder_ / "none");
  EXPECT_FALSE(watch.readable());
  EXPECT_EQ(watch.news(), "");
  ASSERT_TRUE(watch.blind());
  EXPECT_THAT(watch.blind()->message, HasSubstr("times out on the NPU will not be noticed: cannot "
                                                "read " +
                                                (folder_ / "none").string()));
  EXPECT_THAT(watch.blind()->hint, HasSubstr("CAP_SYSLOG"));
  EXPECT_FALSE(KernelWatch("xdna", folder_ / "none").blind()) << "its driver tells";
}

}  // namespace
}  // namespace anynpu::runtime
