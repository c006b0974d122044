// SPDX-License-Identifier: Apache-2.0
// ELF files: any bytes give facts of bounded size or an error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "host/elf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view kWanted[] = {"librknnrt version: ", "GLIBC_"};
  auto facts = anynpu::host::parse_elf({reinterpret_cast<const char*>(data), size}, kWanted);
  if (!facts && facts.error().message.empty()) std::abort();
  if (facts && (facts->architecture.empty() || facts->needed.size() > 256)) std::abort();
  return 0;
}
