// SPDX-License-Identifier: Apache-2.0
// Memory: what the NPU can reach through its addresses.
#pragma once

#include <cstdint>

namespace anynpu::sim::rocket {

class Memory {
 public:
  virtual ~Memory() = default;
  /// Null when the range is not inside of one buffer: where the hardware would have an IOMMU fault.
  virtual std::uint8_t* range(std::uint32_t address, std::uint64_t size) = 0;
};

}  // namespace anynpu::sim::rocket
