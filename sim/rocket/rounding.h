// SPDX-License-Identifier: Apache-2.0
// The NPU's integer helpers: the rounding shift and the two saturations.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace anynpu::sim::rocket {

/// Shifts right and rounds half up, towards +infinity. 0 <= shift < 64.
constexpr std::int64_t rounding_shift(std::int64_t value, unsigned shift) {
  return shift == 0 ? value : (value >> shift) + ((value >> (shift - 1)) & 1);
}

constexpr std::int32_t saturate32(std::int64_t value) {
  using Limits = std::numeric_limits<std::int32_t>;
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(value, Limits::min(), Limits::max()));
}

constexpr std::int8_t saturate8(std::int64_t value) {
  return static_cast<std::int8_t>(std::clamp<std::int64_t>(value, -128, 127));
}

/// The lowest `bits` bits as a signed number.
constexpr std::int32_t sign_extend(std::uint32_t value, unsigned bits) {
  return static_cast<std::int32_t>(value << (32 - bits)) >> (32 - bits);
}

}  // namespace anynpu::sim::rocket
