// SPDX-License-Identifier: Apache-2.0
// An .xclbin file: whatever is in it, reading and reporting end, within memory that its size
// bounds.
#include <cstddef>
#include <cstdint>
#include <span>
#include <sstream>

#include "model/inspect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace anynpu;
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  auto file = model::read_xclbin(bytes, "fuzz");
  if (!file) return 0;
  model::Inspection inspection;
  inspection.file = "fuzz";
  inspection.bytes = size;
  inspection.kind = model::FileKind::kXclbin;
  inspection.xclbin = *std::move(file);
  for (const bool json : {false, true}) {
    std::ostringstream out;
    auto report = json ? json_report(out) : text_report(out);
    model::report_inspection(inspection, true, *report);
    report->finish();
  }
  return 0;
}
