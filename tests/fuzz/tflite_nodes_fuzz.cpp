// SPDX-License-Identifier: Apache-2.0
// Nodes of .tflite files from strangers, and how they would be shared on a rocket NPU.
#include <cstddef>
#include <cstdint>
#include <span>

#include "doctor/model_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  (void)anynpu::doctor::share_on_rocket(bytes, "fuzz", {26, 2, 6});
  return 0;
}
