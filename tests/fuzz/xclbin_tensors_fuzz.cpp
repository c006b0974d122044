// SPDX-License-Identifier: Apache-2.0
// The list of an .xclbin's tensors: whatever is in it, what is read has sizes that can be trusted.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "engine/xclbin_tensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace anynpu::engine;
  auto tensors = xclbin::parse_tensors({reinterpret_cast<const char*>(data), size});
  if (!tensors) return 0;
  if (tensors->inputs.size() + tensors->outputs.size() > xclbin::kMostBuffers) std::abort();
  for (const auto* side : {&tensors->inputs, &tensors->outputs})
    for (const TensorInfo& tensor : *side)
      if (tensor.byte_size() == 0 || tensor.byte_size() > (std::size_t{1} << 30)) std::abort();
  return 0;
}
