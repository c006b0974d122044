// SPDX-License-Identifier: Apache-2.0
// The bytes of string tensors: any bytes are split or refused, and what was split is put together
// again.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "engine/strings.h"
#include "engine/vendor_library.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace anynpu::engine;
  if (size == 0) return 0;
  const auto bytes = std::as_bytes(std::span(data, size)).subspan(1);
  if (auto strings = split_strings(bytes, data[0])) {
    std::vector<std::byte> again;
    for (const std::string_view text : *strings) append_string(again, text);
    if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) std::abort();
    auto buffer = to_tflite_strings(*strings);
    if (!buffer || *from_tflite_strings(*buffer) != *strings) std::abort();
  }
  if (auto strings = from_tflite_strings(bytes)) {
    std::size_t total = 0;
    for (const std::string_view text : *strings)
      for (const char c : text) total += static_cast<unsigned char>(c);
    if (total > 255 * size * 256) std::abort();
  }
  if (version_after(bytes, "v ").size() > 40) std::abort();
  return 0;
}
