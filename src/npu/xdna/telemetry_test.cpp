// SPDX-License-Identifier: Apache-2.0
#include "npu/telemetry.h"

#include <cstring>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/manifest.h"
#include "npu/devices.h"
#include "npu/xdna/abi.h"

namespace anynpu::npu::xdna {
namespace {

using ::testing::HasSubstr;

template <typename T>
std::string told(unsigned parameter, const std::vector<T>& values) {
  std::string text = fmt::format("answer /dev/accel/accel0 amdxdna-info {} = ", parameter);
  std::vector<unsigned char> bytes(values.size() * sizeof(T) + 64);  // zeros end the list
  std::memcpy(bytes.data(), values.data(), values.size() * sizeof(T));
  for (unsigned char byte : bytes) text += fmt::format("\\x{:02x}", byte);
  return text + "\n";
}

std::string awake(unsigned mhz, std::uint64_t submitted, std::uint64_t done) {
  AieMetadata metadata{};
  metadata.columns = 4;
  return told<AieMetadata>(kAieMetadata, {metadata}) +
         told<Clocks>(kClocks, {{{"MP-NPU Clock", mhz, 0}, {"H Clock", 1600, 0}}}) +
         told<HwContext>(kHwContexts, {{3, 1, 4, 0, 812, submitted, done, 0, 0, 0}});
}

Telemetry sampled(const std::string& lines, const Telemetry* before = nullptr,
                  const char* power = "active") {
  auto description = host::parse_manifest(
      fmt::format("arch x86_64\nuser 0 0\npci 0000:c4:00.1 1022:1502 driver=amdxdna runtime={}\n"
                  "folder /sys/devices/pci0000:c4/0000:c4:00.1/accel/accel0\n"
                  "char /dev/accel/accel0 261:0 0660 0:105\n{}",
                  power, lines));
  EXPECT_TRUE(description) << description.error().message;
  auto machine = host::simulated_machine(std::move(*description));
  for (const Device& device : find_devices(*machine))
    if (device.family == "xdna") return sample_telemetry(*machine, device, before);
  ADD_FAILURE() << "no such device";
  return {};
}

// A second ago.
Telemetry older(Telemetry sample, double ms = 1000) {
  sample.taken -=
      std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(ms));
  if (auto asked = sample.counters.find("asked at"); asked != sample.counters.end())
    asked->second -= ms;
  return sample;
}

TEST(XdnaTelemetry, ASleepingNpuIsNotAsked) {
  Telemetry sample = sampled(awake(800, 5, 5), nullptr, "suspended");
  EXPECT_EQ(sample.power_state, "suspended");
  EXPECT_DOUBLE_EQ(sample.load.value.value_or(-1), 0);
  EXPECT_FALSE(sample.frequency.value);
  EXPECT_THAT(sample.frequency.why, HasSubstr("asking would wake it"));
  EXPECT_FALSE(sample.counters.contains("asked at"));
}

TEST(XdnaTelemetry, CommandsAreCountedBetweenTwoSamples) {
  Telemetry first = sampled(awake(800, 101, 100));
  EXPECT_DOUBLE_EQ(first.frequency.value.value_or(0), 800e6);
  EXPECT_FALSE(first.commands.value);
  EXPECT_THAT(first.load.why, HasSubstr("no sensor"));
  Telemetry before = older(std::move(first));
  Telemetry second = sampled(awake(800, 301, 300), &before);
  ASSERT_TRUE(second.commands.value) << second.commands.why;
  EXPECT_GT(*second.commands.value, 20);  // 200 in a second, on a machine that may be slow
  EXPECT_LE(*second.commands.value, 200);
}

TEST(XdnaTelemetry, AnIdleNpuIsAskedLessOftenThanItFallsAsleep) {
  Telemetry first = sampled(awake(800, 100, 100));
  Telemetry soon = older(first);
  EXPECT_DOUBLE_EQ(sampled(awake(400, 100, 100), &soon).frequency.value.value_or(0), 800e6);
  Telemetry late = older(first, 6500);
  EXPECT_DOUBLE_EQ(sampled(awake(400, 100, 100), &late).frequency.value.value_or(0), 400e6);
  Telemetry busy = older(sampled(awake(800, 101, 100)));
  EXPECT_DOUBLE_EQ(sampled(awake(400, 101, 100), &busy).frequency.value.value_or(0), 400e6);
}

TEST(XdnaTelemetry, ColumnsThatTellTheirLoad) {
  Sensor left{}, right{};
  left.type = right.type = 1;
  left.input = 40;
  right.input = 20;
  Telemetry sample =
      sampled(awake(800, 1, 1) + told<Sensor>(kSensors, std::vector<Sensor>{left, right}));
  EXPECT_DOUBLE_EQ(sample.load.value.value_or(0), 30);
  ASSERT_EQ(sample.core_load.size(), 2U);
  EXPECT_DOUBLE_EQ(sample.core_load[0].value.value_or(0), 40);
}

TEST(XdnaTelemetry, TheDriverNamesItsUsers) {
  Telemetry sample = sampled(awake(800, 1, 1) + "file /proc/812/comm = frigate\n");
  ASSERT_EQ(sample.holders.found.size(), 1U);
  EXPECT_EQ(sample.holders.found[0].pid, 812);
  EXPECT_EQ(sample.holders.found[0].command, "frigate");
}

constexpr const char* kOpenTwice =
    "file /proc/812/comm = frigate\n"
    "link /proc/812/fd/7 -> /dev/accel/accel0\nlink /proc/812/fd/9 -> /dev/accel/accel0\n";
std::string usage(int file, unsigned long engine_ns) {
  return fmt::format(
      "file /proc/812/fdinfo/{}\n| drm-driver: amdxdna_accel_driver\n| drm-client-id: 4\n"
      "| drm-engine-npu-amdxdna: {} ns\n| amdxdna_accel_driver-heap-alloc: 512 KiB\n"
      "| amdxdna_accel_driver-internal-alloc: 1024 KiB\n"
      "| amdxdna_accel_driver-external-alloc: 2 MiB\n| drm-total-memory: 9 MiB\n",
      file, engine_ns);
}

TEST(XdnaTelemetry, EngineTimeAndMemoryOfAFileThatIsThereTwiceCountOnce) {
  Telemetry first = sampled(kOpenTwice + usage(7, 0) + usage(9, 0) + awake(800, 1, 1));
  EXPECT_DOUBLE_EQ(first.memory_used.value.value_or(0), 3 << 20);
  Telemetry before = older(std::move(first));
  Telemetry second =
      sampled(kOpenTwice + usage(7, 500000000) + usage(9, 500000000) + awake(800, 1, 1), &before);
  ASSERT_TRUE(second.load.value) << second.load.why;
  EXPECT_LE(*second.load.value, 50);
  EXPECT_GT(*second.load.value, 5);
}

TEST(XdnaTelemetry, WhatCannotBeAskedSaysWhy) {
  Telemetry sample = sampled("answer /dev/accel/accel0 open ! EACCES\n");
  EXPECT_FALSE(sample.load.value);
  EXPECT_THAT(sample.load.why, HasSubstr("Permission denied"));
}

TEST(XdnaTelemetry, TheTemperatureOfTheDriverOfAmd) {
  Telemetry sample = sampled(
      awake(800, 1, 1) +
      "file /sys/devices/pci0000:c4/0000:c4:00.1/hwmon/hwmon3/temp1_label = NPU_temperature\n"
      "file /sys/devices/pci0000:c4/0000:c4:00.1/hwmon/hwmon3/temp1_input = 51250\n");
  EXPECT_DOUBLE_EQ(sample.temperature.value.value_or(0), 51.25);
}

}  // namespace
}  // namespace anynpu::npu::xdna
