// SPDX-License-Identifier: Apache-2.0
// .rknn files and what is mistaken for them, through reading and inspection.
#include <cstddef>
#include <cstdint>
#include <sstream>

#include "engine/rknn_file.h"
#include "model/inspect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace anynpu;
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  auto model = engine::read_rknn(bytes, "fuzz");
  if (!model) return 0;
  engine::least_runtime(*model);
  model::Inspection inspection{"fuzz", size, model::FileKind::kRknn, {}, {}, *std::move(model)};
  for (const bool json : {false, true}) {
    std::ostringstream out;
    auto report = json ? json_report(out) : text_report(out);
    model::report_inspection(inspection, true, *report);
    report->finish();
  }
  return 0;
}
