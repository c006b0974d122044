// SPDX-License-Identifier: Apache-2.0
// Support bundles: any bytes give an error, or a machine whose every path is inside of it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "doctor/doctor.h"
#include "host/bundle.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace anynpu;
  auto read = host::read_bundle({reinterpret_cast<const char*>(data), size});
  if (!read) {
    if (read.error().message.empty()) std::abort();
    return 0;
  }
  for (const auto& [path, entry] : read->entries)
    if (!path.starts_with('/') || path.find("/../") != std::string::npos) std::abort();
  doctor::Options here;
  here.isolated = false;
  doctor::diagnose(*host::simulated_machine(std::move(*read)), here);
  return 0;
}
