// SPDX-License-Identifier: Apache-2.0
// Records of /dev/kmsg, and the driver's load file: any bytes give one printable line and bounded
// numbers.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "host/kernel_log.h"
#include "npu/rknpu/telemetry.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (anynpu::host::kmsg_line(text).find('\n') != std::string::npos) std::abort();
  for (double load : anynpu::npu::rknpu::parse_load(text))
    if (load < 0 || load > 100) std::abort();
  return 0;
}
