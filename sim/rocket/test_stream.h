// SPDX-License-Identifier: Apache-2.0
// Command streams for tests: registers in the order of their numbers, as words of their blocks.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "sim/rocket/registers.h"

namespace anynpu::sim::rocket {

using Registers = std::map<std::uint32_t, std::uint32_t>;

/// The word that sets a register.
inline std::uint64_t word(std::uint32_t reg, std::uint32_t value) {
  std::uint64_t target = kTargetPc;
  if (reg >= 0x1000) target = kTargetCna;
  if (reg >= 0x3000) target = kTargetCore;
  if (reg >= 0x4000) target = kTargetDpu;
  if (reg >= 0x5000) target = kTargetDpuRdma;
  return target << 48 | std::uint64_t{value} << 16 | reg;
}

/// With the words that end every stream of Mesa: no next slice, the marker, and the blocks to
/// enable.
inline std::vector<std::uint64_t> stream(const Registers& registers) {
  std::vector<std::uint64_t> words;
  for (auto [reg, value] : registers) words.push_back(word(reg, value));
  words.push_back(0);
  words.push_back(word(0x0014, 0));
  words.push_back(std::uint64_t{kTargetMarker} << 48);
  words.push_back(std::uint64_t{kTargetEnable} << 48 | std::uint64_t{0x1d} << 16 | 0x0008);
  return words;
}

/// What is the same in all streams.
inline Registers constant_registers() {
  return {{0x104c, 0xb},       {0x1050, 0x10000}, {0x1054, 0x10000}, {0x1058, 0x10000},
          {0x105c, 0x10000},   {0x1078, 0xf000f}, {0x4004, 0xe},     {0x5004, 0xe},
          {0x4040, 0x20150},   {0x4060, 0x53},    {0x4070, 0x383},   {0x501c, 2},
          {0x5068, 0x01010101}};
}

/// Where a convolution finds its tensors.
struct Addresses {
  std::uint32_t features = 0, weights = 0, biases = 0, output = 0;
};

/// A 1x1 convolution of a 4x4 map with 16 channels in and out: the output is the input times the
/// weights, shifted right by `shift`.
inline Registers small_convolution(const Addresses& at, std::uint32_t shift = 0) {
  Registers registers = constant_registers();
  registers[kCnaConvCon3] = 1 | 1 << 3;
  registers[kCnaDataSize0] = 4 << 16 | 4;
  registers[kCnaDataSize1] = 15 << 16 | 16;
  registers[kCnaWeightSize2] = 1 << 24 | 1 << 16 | 16;
  registers[kCnaCbufCon1] = 2;
  registers[kCnaFeatureDataAddr] = at.features;
  registers[kCnaDmaCon1] = 16;
  registers[kCnaDcompAddr0] = at.weights;
  registers[kDpuDstBaseAddr] = at.output;
  registers[kDpuDstSurfStride] = 256;
  registers[kDpuDataCubeWidth] = 3;
  registers[kDpuDataCubeHeight] = 3;
  registers[kDpuDataCubeChannel] = 15 << 16 | 31;
  registers[kDpuOutCvtScale] = 1;
  registers[kDpuOutCvtShift] = shift;
  registers[kRdmaBsBaseAddr] = at.biases;
  return registers;
}

}  // namespace anynpu::sim::rocket
