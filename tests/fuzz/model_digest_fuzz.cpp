// SPDX-License-Identifier: Apache-2.0
// Digests of models: those of any file, and what is read from a text of another machine.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "doctor/model_digest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace anynpu;
  static const host::Digest kDigest = doctor::model_digest({26, 2, 6});
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  if (!doctor::read_model_digest(kDigest.make(bytes, "fuzz.rknn"))) __builtin_trap();
  if (!doctor::read_model_digest(kDigest.make(bytes, "fuzz"))) __builtin_trap();
  (void)doctor::read_model_digest({reinterpret_cast<const char*>(data), size});
  return 0;
}
