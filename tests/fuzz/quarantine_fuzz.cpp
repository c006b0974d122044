// SPDX-License-Identifier: Apache-2.0
// The quarantine's state file: whatever it holds, a server starts.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "runtime/quarantine.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto kept = anynpu::runtime::parse_quarantine(
      std::string_view(reinterpret_cast<const char*>(data), size));
  if (!kept) return 0;
  if (kept->size() > 64) std::abort();
  for (const auto& circuit : *kept)
    if (circuit.device.empty() || circuit.failures_in_row < 1) std::abort();
  return 0;
}
