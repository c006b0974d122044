// SPDX-License-Identifier: Apache-2.0
// The core against bit-exact vectors: one memory image, nine tasks, a hash of each output.
#include "sim/rocket/compute.h"

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/rocket/registers.h"
#include "sim/rocket/rounding.h"
#include "sim/rocket/test_memory.h"
#include "sim/rocket/weight_cache.h"

namespace anynpu::sim::rocket {
namespace {

constexpr std::uint32_t kFeatures = 0x10000, kWeights = 0x30000, kBiases = 0x50000;
constexpr std::uint32_t kAddend = 0x60000, kOutput = 0x80000;

/// The vectors' memory: features, weights, biases and addend from one generator, the output zero.
TestMemory vector_memory() {
  TestMemory memory(1 << 20);
  auto fill = [&memory](std::uint32_t begin, std::uint32_t end, std::uint32_t seed) {
    for (std::uint32_t at = begin; at < end; ++at) {
      seed = seed * 1664525 + 1013904223;
      memory.bytes[at] = static_cast<std::uint8_t>(seed >> 24);
    }
  };
  fill(kFeatures, kWeights, 1);
  fill(kWeights, kBiases, 2);
  fill(kAddend, kOutput, 4);
  std::uint32_t seed = 3;
  for (std::uint32_t index = 0; index < 1024; ++index) {
    seed = seed * 1664525 + 1013904223;
    std::int32_t bias = static_cast<std::int32_t>(seed) >> 16;
    std::memcpy(&memory.bytes[kBiases + 4 * index], &bias, 4);
  }
  return memory;
}

struct Vector {
  const char* name;
  bool depthwise;
  int width, height, real_channels, channels;
  int kernel, kernels, stride;
  int top, left;
  std::uint32_t pad;
  std::uint32_t line;
  int surface;
  int out_width, out_height, out_channels;
  std::uint32_t out_surface;
  int weight_offset;
  unsigned truncate;
  int scale;
  unsigned shift;
  int offset;
  std::uint32_t entries;
  std::size_t bytes;
  std::uint64_t hash;
  std::array<int, 8> first;
  int last;
};

RegisterFile registers_of(const Vector& v) {
  auto u = [](int value) { return static_cast<std::uint32_t>(value); };
  RegisterFile r;
  r.set(kCnaConvCon1, v.depthwise ? 3 : 0);
  r.set(kCnaConvCon3, u(v.stride) | u(v.stride) << 3);
  r.set(kCnaDataSize0, u(v.width) << 16 | u(v.height));
  r.set(kCnaDataSize1, u(v.real_channels - 1) << 16 | u(v.channels));
  r.set(kCnaWeightSize2, u(v.kernel) << 24 | u(v.kernel) << 16 | u(v.kernels));
  r.set(kCnaCbufCon1, v.entries);
  r.set(kCnaPadCon0, u(v.top) | u(v.left) << 4);
  r.set(kCnaPadCon1, v.pad);
  r.set(kCnaFeatureDataAddr, kFeatures);
  r.set(kCnaDmaCon1, v.line);
  r.set(kCnaDmaCon2, u(v.surface) & 0xfffffff);
  r.set(kCnaDcompAddr0, kWeights);
  r.set(kCoreClipTruncate, v.truncate);
  r.set(kDpuDstBaseAddr, kOutput);
  r.set(kDpuDstSurfStride, v.out_surface);
  r.set(kDpuDataCubeWidth, u(v.out_width - 1));
  r.set(kDpuDataCubeHeight, u(v.out_height - 1));
  r.set(kDpuDataCubeChannel, u(v.out_channels - 1) << 16 | u(v.out_channels - 1));
  r.set(kDpuBsCfg, 0x20150);
  r.set(kDpuBsOwOp, u(v.weight_offset) & 0xffff);
  r.set(kDpuBnCfg, 0x53);
  r.set(kDpuEwCfg, 0x383);
  r.set(kDpuOutCvtOffset, u(v.offset));
  r.set(kDpuOutCvtScale, u(v.scale));
  r.set(kDpuOutCvtShift, v.shift);
  r.set(kRdmaBsBaseAddr, kBiases);
  return r;
}

// clang-format off
const Vector kConv1x1 = {
    "A", false, 4, 4, 16, 16, 1, 32, 1, 0, 0, 0xffffff80, 16, 0, 4, 4, 32, 256, -23, 0, 23655, 25, 5,
    2, 512, 0xa1ba0cf55ecd2c43, {35, -31, -12, -1, 39, 17, -15, 8}, 23};
const Vector kConv3x3 = {
    "B", false, 8, 8, 20, 32, 3, 24, 2, 1, 1, 0xffffff80, 32, 32, 4, 4, 24, 256, 5, 1, 29000, 26, -10,
    4, 512, 0x55d0972c7815df58, {-11, -64, -19, -29, 5, -2, -52, -65}, -10};
const Vector kDepthwise = {
    "C", true, 6, 6, 40, 48, 3, 1, 1, 1, 1, 0x00000004, 24, 12, 6, 6, 40, 576, 18, 0, 19150, 22, 3,
    6, 1728, 0x520b82cdbd17fe6c, {121, -123, -38, -128, 127, -12, -89, 127}, -48};
const Vector kAdd = {
    "D", false, 5, 5, 32, 32, 1, 64, 1, 0, 0, 0xffffff80, 20, 5, 5, 5, 64, 400, 0, 0, 21000, 25, -20,
    3, 1600, 0x5bf5b5fd4cd79d09, {22, -87, -22, -30, -28, -83, -72, 11}, -16};
const Vector kShort = {
    "E", false, 4, 4, 48, 48, 1, 16, 1, 0, 0, 0xffffff80, 16, 0, 4, 4, 16, 256, -81, 0, 29284, 27, 11,
    3, 256, 0x32df54528aecd04a, {10, 6, 0, 14, 2, 2, -12, 25}, 3};
const Vector kSlice = {
    "F", false, 4, 5, 16, 16, 3, 16, 1, 0, 0, 0, 16, 16, 2, 3, 16, 192, -7, 0, 30000, 26, 0,
    1, 192, 0x594a49e5a92e37fa, {0, 0, 0, 0, 0, 0, 0, 0}, -49};
const Vector kOnePixel = {
    "G", false, 1, 1, 64, 64, 1, 32, 1, 0, 0, 0xffffff80, 4, -3, 1, 1, 32, 16, 15, 0, 27001, 27, -70,
    1, 32, 0x2da254738288b23d, {-68, -61, -78, -87, -76, -92, -65, -60}, -67};
// clang-format on

Task task_of(const RegisterFile& registers) {
  tl::expected<Task, std::string> task = decode(registers);
  EXPECT_TRUE(task.has_value()) << (task ? "" : task.error());
  return task.value_or(Task());
}

void expect_output(const Vector& vector, const TestMemory& memory) {
  const std::uint8_t* output = &memory.bytes[kOutput];
  std::uint64_t hash = 1469598103934665603U;
  for (std::size_t index = 0; index < vector.bytes; ++index)
    hash = (hash ^ output[index]) * 1099511628211U;
  std::array<int, 8> first;
  for (std::size_t index = 0; index < first.size(); ++index)
    first[index] = static_cast<std::int8_t>(output[index]);
  EXPECT_EQ(hash, vector.hash) << vector.name;
  EXPECT_EQ(first, vector.first) << vector.name;
  EXPECT_EQ(static_cast<std::int8_t>(output[vector.bytes - 1]), vector.last) << vector.name;
}

void expect_vector(const Vector& vector, const RegisterFile& registers) {
  WeightCache weights;
  for (unsigned threads : {1U, 3U}) {
    TestMemory memory = vector_memory();
    EXPECT_EQ(compute(task_of(registers), memory, weights, Quirks{}, threads), std::nullopt)
        << vector.name;
    expect_output(vector, memory);
  }
}

TEST(Rounding, HalfGoesUp) {
  EXPECT_EQ(rounding_shift(5, 1), 3);
  EXPECT_EQ(rounding_shift(-5, 1), -2);
  EXPECT_EQ(rounding_shift(1, 1), 1);
  EXPECT_EQ(rounding_shift(-1, 1), 0);
  EXPECT_EQ(rounding_shift(-3, 2), -1);
  EXPECT_EQ(rounding_shift(-2, 2), 0);
  EXPECT_EQ(rounding_shift(7, 0), 7);
  EXPECT_EQ(sign_extend(0xffffffd, 28), -3);
  EXPECT_EQ(saturate8(rounding_shift(std::int64_t{1000} * 23655, 21) - 128), -117);
  EXPECT_EQ(saturate8(rounding_shift(std::int64_t{1000000} * 23655, 21) - 128), 127);
}

TEST(Compute, Convolution) {
  expect_vector(kConv1x1, registers_of(kConv1x1));
}

TEST(Compute, PaddedConvolutionWithStrideAndTruncation) {
  expect_vector(kConv3x3, registers_of(kConv3x3));
}

TEST(Compute, DepthwisePaddingHasTwoBytes) {
  expect_vector(kDepthwise, registers_of(kDepthwise));
  Vector equal = kDepthwise;
  equal.name = "C2";
  equal.pad = 0xffff8080;
  equal.hash = 0xfb81a2bdcf10385f;
  equal.first = {100, -128, -28, -128, 26, 27, -100, -55};
  equal.last = -28;
  expect_vector(equal, registers_of(equal));
}

TEST(Compute, Addition) {
  RegisterFile registers = registers_of(kAdd);
  registers.set(kDpuEwCfg, 0x904202c0);
  registers.set(kDpuEwCvtOffsetValue, 9);
  registers.set(kDpuEwCvtScaleValue, 27374 | 6 << 16);
  registers.set(kRdmaSrcBaseAddr, kAddend);
  registers.set(kRdmaEwBaseAddr, kAddend + 0x190);
  registers.set(kRdmaEwSurfStride, 0x190);
  expect_vector(kAdd, registers);
}

TEST(Compute, TooFewEntriesCorruptRows) {
  expect_vector(kShort, registers_of(kShort));
  Vector enough = kShort;
  enough.name = "E2";
  enough.entries = 4;
  enough.hash = 0x9ba8c83fa8dcffea;
  enough.last = 18;
  expect_vector(enough, registers_of(enough));

  TestMemory memory = vector_memory();
  WeightCache weights;
  EXPECT_EQ(compute(task_of(registers_of(kShort)), memory, weights,
                    Quirks{.pad = true, .cbuf = false}, 1),
            std::nullopt);
  expect_output(enough, memory);
}

TEST(Compute, ASliceWritesItsRowsOnly) {
  RegisterFile registers = registers_of(kSlice);
  registers.set(kCnaFeatureDataAddr, kFeatures + 0xc0);
  registers.set(kDpuDstBaseAddr, kOutput + 0x60);
  expect_vector(kSlice, registers);
}

TEST(Compute, NegativeSurfaceStride) {
  expect_vector(kOnePixel, registers_of(kOnePixel));
}

TEST(Compute, OperandsOutsideOfTheMemoryAreRefused) {
  for (Register reg : {kCnaFeatureDataAddr, kCnaDcompAddr0, kRdmaBsBaseAddr, kDpuDstBaseAddr}) {
    RegisterFile registers = registers_of(kConv1x1);
    registers.set(reg, 0xffff0);
    TestMemory memory = vector_memory();
    TestMemory before = memory;
    WeightCache weights;
    EXPECT_NE(compute(task_of(registers), memory, weights, Quirks{}, 1), std::nullopt);
    EXPECT_EQ(memory.bytes, before.bytes);
  }
}

// Extremes of every packed digit: sums must neither run over nor borrow.
TEST(Compute, ExtremeBytesAgreeWithPlainSums) {
  WeightCache weights;  // of all: other bytes at the same address are packed anew
  for (int kernel : {1, 3, 5}) {
    for (int extreme : {0, 1, 2, 3}) {
      Vector vector = kConv1x1;
      vector.width = vector.height = 7;
      vector.channels = vector.real_channels = 144;
      vector.kernel = kernel;
      vector.kernels = 6;
      vector.out_channels = 6;
      vector.out_width = vector.out_height = 7 - kernel + 1;
      vector.line = 28;
      vector.surface = 21;
      vector.out_surface = 7 * 7 * 16;
      vector.entries = 1000;
      vector.weight_offset = 0;
      vector.scale = 1;
      vector.shift = 0;
      vector.offset = 0;
      vector.truncate = 15;
      TestMemory memory = vector_memory();
      std::fill(memory.bytes.begin() + kBiases, memory.bytes.begin() + kAddend, 0);
      auto extremes = [&memory](std::uint32_t begin, std::uint32_t end, int low, int high) {
        for (std::uint32_t at = begin; at < end; ++at)
          memory.bytes[at] = static_cast<std::uint8_t>(memory.bytes[at] % 2 != 0 ? low : high);
      };
      extremes(kFeatures, kWeights, -128, extreme % 2 != 0 ? 127 : -128);
      extremes(kWeights, kBiases, extreme / 2 != 0 ? 127 : -128, -128);
      Task task = task_of(registers_of(vector));
      ASSERT_EQ(compute(task, memory, weights, Quirks{}, 1), std::nullopt);

      int wrong = 0;
      auto byte = [&memory](std::int64_t at) {
        return static_cast<std::int8_t>(memory.bytes[static_cast<std::size_t>(at)]);
      };
      for (int out = 0; out < task.kernels; ++out)
        for (int y = 0; y < task.out_height; ++y)
          for (int x = 0; x < task.out_width; ++x) {
            std::int64_t sum = 0;
            for (int c = 0; c < task.channels; ++c)
              for (int ky = 0; ky < kernel; ++ky)
                for (int kx = 0; kx < kernel; ++kx) {
                  int i1 = c & ~31, block = std::min(32, task.channels - i1);
                  std::int64_t weight = std::int64_t{kernel} * kernel * 6 * i1 +
                                        ((ky * kernel + kx) * 6 + out) * block + (c - i1);
                  sum +=
                      byte(kWeights + weight) * byte(kFeatures + c / 16 * task.plane +
                                                     (y + ky) * task.line + (x + kx) * 16 + c % 16);
                }
            int expected = saturate8(rounding_shift(sum, 15));
            wrong += byte(kOutput + (y * task.out_width + x) * 16 + out) != expected;
          }
      EXPECT_EQ(wrong, 0) << "kernel " << kernel << ", extreme " << extreme;
    }
  }
}

}  // namespace
}  // namespace anynpu::sim::rocket
