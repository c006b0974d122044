// SPDX-License-Identifier: Apache-2.0
// TestMemory: one buffer at address 0, for tests and fuzz targets.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/rocket/memory.h"

namespace anynpu::sim::rocket {

class TestMemory final : public Memory {
 public:
  explicit TestMemory(std::size_t size) : bytes(size) {}
  std::uint8_t* range(std::uint32_t address, std::uint64_t size) override {
    return address <= bytes.size() && size <= bytes.size() - address ? &bytes[address] : nullptr;
  }

  std::vector<std::uint8_t> bytes;
};

}  // namespace anynpu::sim::rocket
