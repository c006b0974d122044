// SPDX-License-Identifier: Apache-2.0
// machine.json of a tree of files: any text gives a description or an error with words.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "host/machine.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto parsed = anynpu::host::parse_tree_description({reinterpret_cast<const char*>(data), size});
  if (!parsed && parsed.error().message.empty()) std::abort();
  if (parsed)
    for (const auto& [path, node] : parsed->nodes)
      if (node.permissions > 07777) std::abort();
  return 0;
}
