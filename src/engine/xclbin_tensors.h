// SPDX-License-Identifier: Apache-2.0
// The tensors of an .xclbin, which does not tell them: NAME.tensors.json beside NAME.xclbin does.
//
//   {"kernel": "MLIR_AIE",
//    "inputs":  [{"name": "x", "type": "int16", "shape": [1, 512]}],
//    "outputs": [{"name": "y", "type": "int8", "shape": [1, 80], "scale": 0.5, "zero_point": 0}]}
//
// "kernel" is the beginning of the kernel's name and may be left out. The order is that of the
// kernel's arguments after opcode, instructions and their count: inputs first.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/tensor.h"

namespace anynpu::engine::xclbin {

inline constexpr std::size_t kMostTensorsText = 64 << 10;
/// A command has room for the addresses of seven buffers.
inline constexpr std::size_t kMostBuffers = 7;

struct Tensors {
  std::string kernel = "MLIR_AIE";
  std::vector<TensorInfo> inputs, outputs;
};
/// From JSON. Shapes are complete; each tensor has at most 1 GiB.
Result<Tensors> parse_tensors(std::string_view text);

/// The files beside "DIR/NAME.xclbin".
std::filesystem::path tensors_file(const std::filesystem::path& xclbin);
std::filesystem::path instructions_file(const std::filesystem::path& xclbin);

/// DIR/NAME.insts.bin: little-endian words, at most 16 MiB.
Result<std::vector<std::uint32_t>> read_instructions(const std::filesystem::path& file);

}  // namespace anynpu::engine::xclbin
