// SPDX-License-Identifier: Apache-2.0
// The datatypes of the Open Inference Protocol v2 and what they are in the engines.
#pragma once

#include <string>
#include <string_view>

#include "engine/tensor.h"

namespace anynpu::server::oip {

/// "FP32", "BYTES", ...; empty for types that the protocol has no word for (complex, 4-bit).
std::string_view datatype_of(engine::DType type);

/// engine::DType::kUnknown for words that the protocol does not have. BYTES is kString.
engine::DType dtype_of(std::string_view datatype);

/// Every word of the protocol, for error messages: "BOOL, UINT8, ...".
const std::string& all_datatypes();

/// Whether elements can be written as JSON: FP16 and BF16 cannot.
bool has_json_form(engine::DType type);

/// Bytes of one element; 0 for BYTES, whose elements have their own lengths.
std::size_t element_size(engine::DType type);

}  // namespace anynpu::server::oip
