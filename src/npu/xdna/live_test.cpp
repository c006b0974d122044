// SPDX-License-Identifier: Apache-2.0
#include "npu/xdna/live.h"

#include <cstddef>
#include <cstring>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/manifest.h"
#include "npu/xdna/abi.h"

namespace anynpu::npu::xdna {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kNode = "/dev/accel/accel0";
constexpr const char* kPci = "/sys/bus/pci/devices/0000:c4:00.1";

template <typename T>
std::string answer(unsigned parameter, const std::vector<T>& values) {
  std::string text = fmt::format("answer {} amdxdna-info {} = ", kNode, parameter);
  std::vector<unsigned char> bytes(values.size() * sizeof(T) +
                                   64);  // the driver's buffer is longer
  std::memcpy(bytes.data(), values.data(), values.size() * sizeof(T));
  for (unsigned char byte : bytes) text += fmt::format("\\x{:02x}", byte);
  return text + "\n";
}

Sensor sensor(const char* label, std::uint8_t type, std::uint32_t input) {
  Sensor made{};
  std::strcpy(made.label, label);
  made.type = type;
  made.input = input;
  return made;
}

Result<Live> facts_of(const std::string& answers, const char* power = "active") {
  auto description = host::parse_manifest(
      fmt::format("arch x86_64\nuser 0 0\npci 0000:c4:00.1 1022:1502 driver=amdxdna runtime={}\n"
                  "char {} 261:0 0660 0:105\n{}",
                  power, kNode, answers));
  if (!description) return description.error();
  return read_live(*host::simulated_machine(std::move(*description)), kNode, kPci);
}

TEST(XdnaLive, OfAnNpuWithSensorsAndContexts) {
  AieMetadata metadata{};
  metadata.columns = 8;
  metadata.rows = 6;
  auto facts =
      facts_of(answer<AieMetadata>(kAieMetadata, {metadata}) +
               answer<FirmwareVersion>(kFirmwareVersion, {{1, 1, 2, 64}}) +
               answer<Clocks>(kClocks, {{{"MP-NPU Clock", 800, 0}, {"H Clock", 1600, 0}}}) +
               answer<PowerMode>(kPowerMode, {{4, {}}}) +
               answer<Resources>(kResources, {{1800, 50, 16, 0, 1}}) +
               answer<Sensor>(
                   kSensors, {sensor("Total Power", 0, 1250), sensor("Column 0 Utilization", 1, 40),
                              sensor("Column 1 Utilization", 1, 7)}) +
               answer<HwContext>(kHwContexts, {{3, 0, 4, 0, 4242, 100, 99, 0, 0, 1},
                                               {4, 4, 4, 0, 4243, 7, 7, 0, 0, 0}}));
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_FALSE(facts->asleep);
  EXPECT_EQ(facts->columns, 8U);
  EXPECT_EQ(facts->rows, 6U);
  EXPECT_EQ(facts->firmware, "1.1.2.64");
  EXPECT_EQ(facts->clock_mhz, 800U);
  EXPECT_EQ(facts->power_mode, "turbo");
  EXPECT_EQ(facts->most_contexts, 16U);
  EXPECT_DOUBLE_EQ(facts->watts.value_or(0), 1.25);
  EXPECT_THAT(facts->column_percent, ElementsAre(40, 7));
  ASSERT_EQ(facts->contexts.size(), 2U);
  EXPECT_EQ(facts->contexts[0].pid, 4242);
  EXPECT_EQ(facts->contexts[0].in_flight(), 1U);
  EXPECT_EQ(facts->contexts[1].first_column, 4U);
  EXPECT_EQ(facts->contexts[1].in_flight(), 0U);
}

TEST(XdnaLive, APhoenixHasNoSensorsAndAnOldDriverNoResources) {
  AieMetadata metadata{};
  metadata.columns = 4;
  auto facts = facts_of(answer<AieMetadata>(kAieMetadata, {metadata}) +
                        fmt::format("answer {} amdxdna-info 4 ! EOPNOTSUPP\n", kNode) +
                        fmt::format("answer {} amdxdna-info 12 ! EOPNOTSUPP\n", kNode));
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->columns, 4U);
  EXPECT_FALSE(facts->watts);
  EXPECT_THAT(facts->column_percent, IsEmpty());
  EXPECT_EQ(facts->most_contexts, 0U);
}

TEST(XdnaLive, ASleepingNpuIsNotWoken) {
  auto facts = facts_of(fmt::format("answer {} amdxdna-info 1 ! EIO\n", kNode), "suspended");
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_TRUE(facts->asleep);
}

TEST(XdnaLive, ADriverThatHasLostItsNpu) {
  auto facts = facts_of(fmt::format("answer {} amdxdna-info 1 ! ENODEV\n", kNode));
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().system_errno, ENODEV);
}

TEST(XdnaAbi, Layouts) {
  EXPECT_EQ(sizeof(AieMetadata), 64U);
  EXPECT_EQ(offsetof(AieMetadata, columns), 4U);
  EXPECT_EQ(offsetof(AieMetadata, rows), 6U);
  EXPECT_EQ(offsetof(AieMetadata, major), 8U);
  EXPECT_EQ(offsetof(AieMetadata, core), 16U);
  EXPECT_EQ(offsetof(AieMetadata, memory), 32U);
  EXPECT_EQ(offsetof(AieMetadata, shim), 48U);
  EXPECT_EQ(sizeof(Clock), 24U);
  EXPECT_EQ(sizeof(Clocks), 48U);
  EXPECT_EQ(offsetof(Clock, mhz), 16U);
  EXPECT_EQ(sizeof(Sensor), 168U);
  EXPECT_EQ(offsetof(Sensor, input), 64U);
  EXPECT_EQ(offsetof(Sensor, status), 80U);
  EXPECT_EQ(offsetof(Sensor, units), 144U);
  EXPECT_EQ(offsetof(Sensor, unit_exponent), 160U);
  EXPECT_EQ(offsetof(Sensor, type), 161U);
  EXPECT_EQ(sizeof(FirmwareVersion), 16U);
  EXPECT_EQ(sizeof(PowerMode), 8U);
  EXPECT_EQ(sizeof(Resources), 40U);
  EXPECT_EQ(offsetof(Resources, max_tasks), 16U);
  EXPECT_EQ(sizeof(HwContext), 64U);
  EXPECT_EQ(offsetof(HwContext, pid), 16U);
  EXPECT_EQ(offsetof(HwContext, submissions), 24U);
  EXPECT_EQ(offsetof(HwContext, completions), 32U);
  EXPECT_EQ(offsetof(HwContext, errors), 56U);
}

}  // namespace
}  // namespace anynpu::npu::xdna
