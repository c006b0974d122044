// SPDX-License-Identifier: Apache-2.0
// Manifests of machines: any text gives an error, or a machine that the doctor can look at and that
// is written as a text which gives the same machine.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "doctor/doctor.h"
#include "host/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace anynpu;
  auto parsed = host::parse_manifest({reinterpret_cast<const char*>(data), size});
  if (!parsed) {
    if (parsed.error().message.empty()) std::abort();
    return 0;
  }
  std::string text = host::to_manifest(*parsed, true);
  auto again = host::parse_manifest(text);
  if (!again || host::to_manifest(*again, true) != text) std::abort();
  doctor::Options here;
  here.isolated = false;
  doctor::diagnose(*host::simulated_machine(std::move(*parsed)), here);
  return 0;
}
