// SPDX-License-Identifier: Apache-2.0
// Writes the .axmodel files that the simulated card takes: a .tflite with the facts that Pulsar2
// would have compiled in. A real card refuses them, as the simulated one refuses real ones.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace anynpu::sim::axcl {

struct AxmodelFacts {
  std::string soc = "AX650";
  std::string compiler = "4.1";
  std::uint64_t cmm = std::uint64_t{32} << 20;  // bytes that it takes of the card's memory
  int cores = 1;                                // 1 to 3
  int max_batch = 1;                            // more than 1: compiled for a dynamic batch
  /// Quantised outputs come as float32, which is what Pulsar2 compiles unless told otherwise.
  bool float_outputs = true;
  /// Shapes of all inputs, one entry for each shape group; empty: one group, as the .tflite says.
  std::vector<std::vector<engine::Shape>> groups = {};
};

std::vector<std::byte> write_axmodel(std::span<const std::byte> tflite,
                                     const AxmodelFacts& facts = {});

/// Facts of a file that write_axmodel() wrote, and the .tflite in it.
struct Axmodel {
  AxmodelFacts facts;
  std::span<const std::byte> tflite;
};
Result<Axmodel> read_axmodel(std::span<const std::byte> bytes);

}  // namespace anynpu::sim::axcl
