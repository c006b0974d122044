// SPDX-License-Identifier: Apache-2.0
// Settings and buffers.
#include "sim/rocket/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/rocket/buffers.h"

namespace anynpu::sim::rocket {
namespace {

using ::testing::HasSubstr;

TEST(RocketSettings, NothingIsAHealthyDevice) {
  auto settings = parse_settings("");
  ASSERT_TRUE(settings) << settings.error();
  EXPECT_EQ(settings->device, "/dev/accel/accel0");
  EXPECT_EQ(settings->driver, "rocket");
  EXPECT_TRUE(settings->quirks.pad && settings->quirks.cbuf && settings->compute);
  EXPECT_FALSE(settings->strict);
}

TEST(RocketSettings, ReadsAList) {
  auto settings = parse_settings(
      "device=/dev/accel/accel3, driver=rknpu;quirks=pad threads=1\nlog=2,log_file=/tmp/a=b,"
      "kernel_log=/tmp/k,compute=no,strict=yes,");
  ASSERT_TRUE(settings) << settings.error();
  EXPECT_EQ(settings->device, "/dev/accel/accel3");
  EXPECT_EQ(settings->driver, "rknpu");
  EXPECT_TRUE(settings->quirks.pad);
  EXPECT_FALSE(settings->quirks.cbuf);
  EXPECT_EQ(settings->threads, 1U);
  EXPECT_EQ(settings->log, 2U);
  EXPECT_EQ(settings->log_file, "/tmp/a=b");
  EXPECT_EQ(settings->kernel_log, "/tmp/k");
  EXPECT_FALSE(settings->compute);
  EXPECT_TRUE(settings->strict);
  EXPECT_FALSE(parse_settings("quirks=none")->quirks.pad);
}

TEST(RocketSettings, NamesWhatItDoesNotUnderstand) {
  for (const char* wrong :
       {"strict", "threads=0", "threads=65", "threads=1x", "quirks=", "quirks=all", "compute=maybe",
        "device=", "colour=red", "=", "log=-1"}) {
    auto settings = parse_settings(std::string("log=1,") + wrong);
    ASSERT_FALSE(settings) << wrong;
    EXPECT_THAT(settings.error(), HasSubstr(wrong));
  }
  EXPECT_FALSE(parse_settings(std::string(5000, ',')));
}

TEST(RocketBuffers, FirstFitAndLowestHandle) {
  Buffers buffers;
  EXPECT_EQ(buffers.create(1), 1U);
  EXPECT_EQ(buffers.create(4097), 2U);
  EXPECT_EQ(buffers.create(4096), 3U);
  EXPECT_EQ(buffers.find(1)->address, 4096U);
  EXPECT_EQ(buffers.find(2)->address, 2 * 4096U);
  EXPECT_EQ(buffers.find(2)->size, 2 * 4096U);
  EXPECT_EQ(buffers.find(3)->address, 4 * 4096U);
  EXPECT_EQ(buffers.end(), 5 * 4096U);
  buffers.release(2);
  EXPECT_EQ(buffers.find(2), nullptr);
  EXPECT_EQ(buffers.create(3 * 4096), 2U);  // too large for the gap
  EXPECT_EQ(buffers.find(2)->address, 5 * 4096U);
  EXPECT_EQ(buffers.create(2 * 4096), 4U);
  EXPECT_EQ(buffers.find(4)->address, 2 * 4096U);
}

TEST(RocketBuffers, ARangeIsInsideOfOneBuffer) {
  Buffers buffers;
  buffers.create(4096);
  buffers.create(4096);
  EXPECT_TRUE(buffers.contains(4096, 4096));
  EXPECT_TRUE(buffers.contains(4096 + 4095, 1));
  EXPECT_FALSE(buffers.contains(4096, 4097));
  EXPECT_FALSE(buffers.contains(4095, 1));
  EXPECT_FALSE(buffers.contains(0, 1));
  EXPECT_FALSE(buffers.contains(3 * 4096, 1));
  EXPECT_FALSE(buffers.contains(UINT32_MAX, UINT64_MAX));
}

TEST(RocketBuffers, TheSpanIsFinite) {
  Buffers buffers;
  EXPECT_EQ(buffers.create(0), std::nullopt);
  EXPECT_EQ(buffers.create(UINT32_MAX), std::nullopt);
  EXPECT_EQ(buffers.create(Buffers::kSpan), std::nullopt);  // address 0 belongs to none
  EXPECT_EQ(buffers.create(Buffers::kSpan - 4096), 1U);
  EXPECT_EQ(buffers.create(1), std::nullopt);
  buffers.release(1);
  EXPECT_EQ(buffers.create(1), 1U);
}

}  // namespace
}  // namespace anynpu::sim::rocket
