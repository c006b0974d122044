// SPDX-License-Identifier: Apache-2.0
// What the kernel tells of an open file: any bytes give bounded lists.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "npu/fdinfo.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto usage = anynpu::npu::parse_fdinfo({reinterpret_cast<const char*>(data), size});
  // What is cut off is said with three dots.
  if (usage.engine_ns.size() > 64 || usage.bytes.size() > 64 || usage.driver.size() > 80 + 3)
    std::abort();
  return 0;
}
