// SPDX-License-Identifier: Apache-2.0
// Command streams and what is read from them, and what is refused.
#include "sim/rocket/task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/rocket/command_stream.h"
#include "sim/rocket/test_stream.h"

namespace anynpu::sim::rocket {
namespace {

using ::testing::HasSubstr;

tl::expected<Task, std::string> task_of(const Registers& registers) {
  return parse(stream(registers)).and_then(decode);
}

TEST(CommandStream, LastWriteCounts) {
  auto registers = parse(std::vector{word(0x1014, 1), word(0x5020, 7), word(0x1014, 0xfffffff2)});
  ASSERT_TRUE(registers) << registers.error();
  EXPECT_EQ((*registers)[0x1014], 0xfffffff2);
  EXPECT_EQ((*registers)[0x5020], 7U);
  EXPECT_EQ((*registers)[0x4020], 0U);
  EXPECT_EQ(registers->field(0x1014, 31, 28), 0xfU);
  EXPECT_EQ(registers->field(0x1014, 31, 0), 0xfffffff2);
}

TEST(CommandStream, ChainOfSlicesIsNotFollowed) {
  Registers registers = small_convolution({});
  registers[0x0010] = 0x12345678;
  EXPECT_TRUE(task_of(registers));
}

TEST(CommandStream, RefusesWhatIsNotModelled) {
  const std::uint64_t pooling = std::uint64_t{0x4001} << 48 | 0x6000;
  const std::uint64_t wrong_block = std::uint64_t{kTargetCna} << 48 | 0x4020;
  const std::uint64_t not_aligned = std::uint64_t{kTargetCna} << 48 | 0x1001;
  EXPECT_THAT(parse(std::vector{pooling}).error(), HasSubstr("target 0x4001"));
  EXPECT_THAT(parse(std::vector{wrong_block}).error(), HasSubstr("register 0x4020"));
  EXPECT_THAT(parse(std::vector{not_aligned}).error(), HasSubstr("register 0x1001"));
  EXPECT_FALSE(parse(std::vector<std::uint64_t>(kMostWords + 1)));
  EXPECT_TRUE(parse({}));
}

TEST(Task, ReadsSizesAndAddresses) {
  Registers registers = small_convolution({0x1000, 0x2000, 0x3000, 0x4000}, 5);
  registers[kCnaPadCon0] = 1 | 2 << 4;
  registers[kCnaPadCon1] = 0x00000b80;
  registers[kCnaDmaCon2] = 0xffffffd;  // -3 in 28 bits
  registers[kDpuBsOwOp] = 0xffe9;
  registers[kDpuOutCvtOffset] = 0xffffff80;
  registers[kDpuEwCfg] = 0x904202c0;
  registers[kDpuEwCvtScaleValue] = 27374 | 6 << 16;
  registers[kRdmaEwSurfStride] = 0x19f;
  auto task = task_of(registers);
  ASSERT_TRUE(task) << task.error();
  EXPECT_FALSE(task->depthwise);
  EXPECT_EQ(task->features, 0x1000U);
  EXPECT_EQ(task->weights, 0x2000U);
  EXPECT_EQ(task->biases, 0x3000U);
  EXPECT_EQ(task->output, 0x4000U);
  EXPECT_EQ(task->width, 4);
  EXPECT_EQ(task->out_height, 4);
  EXPECT_EQ(task->out_channels, 16);
  EXPECT_EQ(task->out_planes(), 1);
  EXPECT_EQ(task->weight_bytes(), 256);
  EXPECT_EQ(task->pad_top, 1);
  EXPECT_EQ(task->pad_left, 2);
  EXPECT_EQ(task->pad_even, -128);
  EXPECT_EQ(task->pad_odd, 11);
  EXPECT_EQ(task->line, 64);
  EXPECT_EQ(task->plane, 13 * 16);
  EXPECT_EQ(task->weight_offset, -23);
  EXPECT_EQ(task->out_offset, -128);
  EXPECT_EQ(task->out_shift, 5U);
  ASSERT_TRUE(task->addend);
  EXPECT_EQ(task->addend->scale, 27374);
  EXPECT_EQ(task->addend->shift, 6U);
  EXPECT_EQ(task->addend->plane, 0x190);
}

TEST(Task, RefusesModesThatAreNotModelled) {
  struct Case {
    std::uint32_t reg, value;
    const char* error;
  };
  for (const Case& c :
       {Case{kCnaConvCon1, 1, "mode 1"}, Case{kCnaConvCon1, 8 << 12, "one channel"},
        Case{kCnaConvCon3, 1 | 1 << 3 | 1 << 16, "dilation"}, Case{kCnaConvCon3, 1, "size of zero"},
        Case{kCnaDataSize0, 4, "size of zero"}, Case{kCnaDataSize1, 17, "17 stored channels"},
        Case{kDpuBsCfg, 0x20151, "0x4040"}, Case{kDpuBnCfg, 0x52, "0x4060"},
        Case{kDpuEwCfg, 0x380, "0x4070"}, Case{kCoreClipTruncate, 1 << 6, "rounding"},
        Case{kDpuOutCvtShift, 1 << 30, "rounding"}}) {
    Registers registers = small_convolution({});
    registers[c.reg] = c.value;
    auto task = task_of(registers);
    ASSERT_FALSE(task) << c.error;
    EXPECT_THAT(task.error(), HasSubstr(c.error));
  }
  Registers registers = small_convolution({});
  registers[kCnaConvCon1] = 3;
  registers[kDpuEwCfg] = 0x904202c0;
  EXPECT_THAT(task_of(registers).error(), HasSubstr("depthwise"));
}

TEST(Task, NamesAConstantThatDiffers) {
  Registers registers = small_convolution({});
  EXPECT_EQ(unexpected_constant(*parse(stream(registers))), std::nullopt);
  registers[0x1158] = 1;
  EXPECT_THAT(unexpected_constant(*parse(stream(registers))).value_or(""), HasSubstr("0x1158"));
  registers[0x1158] = 0;
  registers.erase(0x4004);
  EXPECT_THAT(unexpected_constant(*parse(stream(registers))).value_or(""), HasSubstr("0x4004"));
}

}  // namespace
}  // namespace anynpu::sim::rocket
