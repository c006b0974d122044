// SPDX-License-Identifier: Apache-2.0
// The command stream of a task: 64-bit words, each of which sets one register.
//
//   bits 63..48  target: the block
//   bits 47..16  value
//   bits 15..0   register
//
// Mesa writes every register anew for every task, so no state survives from one to the next. The
// last words chain to the operation's next slice; the kernel lists that slice as a task of its own,
// so the chain is not followed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace anynpu::sim::rocket {

/// Why a task is not run: what in it is not modelled, or lies outside of all buffers.
using Refusal = tl::unexpected<std::string>;

/// All registers of the NPU; zero until written, the last write counts.
class RegisterFile {
 public:
  static constexpr std::uint32_t kEnd = 0x6000;

  RegisterFile() : values_(kEnd / 4) {}
  std::uint32_t operator[](std::uint32_t reg) const { return values_[reg / 4]; }
  /// Bits high..low of a register.
  std::uint32_t field(std::uint32_t reg, unsigned high, unsigned low) const {
    std::uint32_t value = values_[reg / 4] >> low;
    unsigned bits = high - low + 1;
    return bits == 32 ? value : value & ((1U << bits) - 1);
  }
  void set(std::uint32_t reg, std::uint32_t value) { values_[reg / 4] = value; }

 private:
  std::vector<std::uint32_t> values_;
};

/// The longest stream that is read; Mesa's have 130 words.
inline constexpr std::size_t kMostWords = 4096;

/// Refuses blocks that are not modelled (pooling), registers outside of their block, and long
/// streams.
tl::expected<RegisterFile, std::string> parse(std::span<const std::uint64_t> words);

}  // namespace anynpu::sim::rocket
