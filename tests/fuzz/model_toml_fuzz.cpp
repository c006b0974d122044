// SPDX-License-Identifier: Apache-2.0
// model.toml and labels: whatever is in them, reading ends with a package or an error, and a
// package that was read is written so that it reads back the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "model/labels.h"
#include "model/package_toml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace anynpu::model;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)parse_labels(text, "labels.txt");
  auto package = parse_package(text, "model.toml", "fuzz", resolve_by_name);
  if (!package) return package.error().message.empty() ? (std::abort(), 0) : 0;
  const std::string written = to_toml(*package);
  auto again = parse_package(written, "model.toml", "fuzz", resolve_by_name);
  if (!again || to_toml(*again) != written) std::abort();
  return 0;
}
