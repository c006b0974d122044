// SPDX-License-Identifier: Apache-2.0
// Writes what the simulated Ryzen AI takes: an .xclbin whose user metadata holds a .tflite, the
// instructions that go with it, and the list of its tensors. A real NPU refuses them, as the
// simulated one refuses real ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace anynpu::sim::xrt_device {

struct XclbinFacts {
  std::string kernel = "MLIR_AIE";
  std::uint16_t columns = 4;
};

struct XclbinFiles {
  std::vector<std::byte> xclbin;
  std::vector<std::byte> instructions;
  std::string tensors;
};
Result<XclbinFiles> make_xclbin(std::span<const std::byte> tflite, const XclbinFacts& facts = {});

/// NAME.xclbin, NAME.insts.bin and NAME.tensors.json.
Result<> write_xclbin(const std::filesystem::path& xclbin, std::span<const std::byte> tflite,
                      const XclbinFacts& facts = {});

}  // namespace anynpu::sim::xrt_device
