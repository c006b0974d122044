// SPDX-License-Identifier: Apache-2.0
// CDI specifications, as JSON and as YAML: any bytes give bounded lists.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "doctor/cdi_spec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& spec :
       {anynpu::doctor::read_cdi_json(text), anynpu::doctor::read_cdi_yaml(text)})
    if (spec.nodes.size() > 256 || spec.faults.size() > 10) std::abort();
  return 0;
}
