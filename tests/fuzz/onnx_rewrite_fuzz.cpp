// SPDX-License-Identifier: Apache-2.0
// Rewriting a .onnx file before it is loaded: whatever is in it, it ends, and what comes out is no
// larger than what went in and a few names.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/onnx_rewrite.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace anynpu::engine;
  const std::string_view model(reinterpret_cast<const char*>(data), size);
  for (const auto& rewrite :
       {ort::with_integer_logits, ort::with_fused_attention, ort::with_first_output}) {
    if (rewrite(model).size() > 16 * size + 64) std::abort();
  }
  (void)ort::has_external_weights(model);
  return 0;
}
