// SPDX-License-Identifier: Apache-2.0
// Reads command words into a register file.
#include "sim/rocket/command_stream.h"

#include "sim/rocket/registers.h"
#include "sim/rocket/text.h"

namespace anynpu::sim::rocket {
namespace {

/// The upper four bits that a block's registers have; -1 for a target that is not modelled.
int block_of(std::uint32_t target) {
  switch (target) {
    case kTargetPc:
      return 0;
    case kTargetCna:
      return 1;
    case kTargetCore:
      return 3;
    case kTargetDpu:
      return 4;
    case kTargetDpuRdma:
      return 5;
    default:
      return -1;
  }
}

}  // namespace

tl::expected<RegisterFile, std::string> parse(std::span<const std::uint64_t> words) {
  if (words.size() > kMostWords) return Refusal(text("a stream of %zu words", words.size()));
  RegisterFile registers;
  for (std::uint64_t word : words) {
    auto target = static_cast<std::uint32_t>(word >> 48);
    auto value = static_cast<std::uint32_t>(word >> 16);
    auto reg = static_cast<std::uint32_t>(word & 0xffff);
    if (word == 0 || target == kTargetMarker || target == kTargetEnable) continue;
    int block = block_of(target);
    if (block < 0) return Refusal(text("target 0x%04x", target));
    if (static_cast<int>(reg >> 12) != block || reg % 4 != 0)
      return Refusal(text("register 0x%04x for target 0x%04x", reg, target));
    registers.set(reg, value);
  }
  return registers;
}

}  // namespace anynpu::sim::rocket
