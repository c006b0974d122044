// SPDX-License-Identifier: Apache-2.0
// One row per datatype.
#include "server/oip/datatypes.h"

#include <array>

namespace anynpu::server::oip {
namespace {

using engine::DType;

struct Row {
  std::string_view datatype;
  DType type;
};

constexpr std::array kRows = {
    Row{"BOOL", DType::kBool},     Row{"UINT8", DType::kUint8},   Row{"UINT16", DType::kUint16},
    Row{"UINT32", DType::kUint32}, Row{"UINT64", DType::kUint64}, Row{"INT8", DType::kInt8},
    Row{"INT16", DType::kInt16},   Row{"INT32", DType::kInt32},   Row{"INT64", DType::kInt64},
    Row{"FP16", DType::kFloat16},  Row{"FP32", DType::kFloat32},  Row{"FP64", DType::kFloat64},
    Row{"BF16", DType::kBFloat16}, Row{"BYTES", DType::kString},
};

}  // namespace

std::string_view datatype_of(DType type) {
  for (const Row& row : kRows)
    if (row.type == type) return row.datatype;
  return {};
}

DType dtype_of(std::string_view datatype) {
  for (const Row& row : kRows)
    if (row.datatype == datatype) return row.type;
  return DType::kUnknown;
}

const std::string& all_datatypes() {
  static const std::string words = [] {
    std::string text;
    for (const Row& row : kRows) text.append(text.empty() ? "" : ", ").append(row.datatype);
    return text;
  }();
  return words;
}

bool has_json_form(DType type) {
  return type != DType::kFloat16 && type != DType::kBFloat16 && !datatype_of(type).empty();
}

std::size_t element_size(DType type) {
  return type == DType::kString ? 0 : engine::bits_of(type) / 8;
}

}  // namespace anynpu::server::oip
