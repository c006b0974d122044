// SPDX-License-Identifier: Apache-2.0
// The catalog: whatever is in it, reading ends with a catalog or an error, and no file of a catalog
// that was read leaves its folder.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "model/catalog.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace anynpu::model;
  auto catalog = parse_catalog({reinterpret_cast<const char*>(data), size}, "catalog.toml");
  if (!catalog) return 0;
  for (const CatalogModel& model : catalog->models)
    for (const CatalogFile& file : model.files)
      if (!check_inside(file.path) || file.sources.empty()) std::abort();
  return 0;
}
