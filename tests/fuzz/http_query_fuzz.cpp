// SPDX-License-Identifier: Apache-2.0
// Request targets from untrusted bytes: what is accepted has no control characters, is valid UTF-8
// and within the limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.h"
#include "server/query.h"

using namespace anynpu::server;

namespace {

void check_clean(const std::string& text) {
  if (anynpu::printable(text, text.size()) != text) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto target = parse_target(text);
  if (target) {
    if (size > kMostTargetBytes || target->parameters.size() > kMostParameters) std::abort();
    check_clean(target->path);
    for (const std::string& segment : target->segments) check_clean(segment);
    for (const auto& [name, value] : target->parameters) {
      check_clean(name);
      check_clean(value);
      if (target->parameter(name) == std::nullopt) std::abort();
    }
  }
  if (auto whole = parse_integer("n", text, 1, 1000); whole && (*whole < 1 || *whole > 1000))
    std::abort();
  if (auto real = parse_number("n", text, 0, 1); real && !(*real >= 0 && *real <= 1)) std::abort();
  return 0;
}
