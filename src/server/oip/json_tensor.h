// SPDX-License-Identifier: Apache-2.0
// The "data" of a tensor in JSON: from numbers to the tensor's bytes and back.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/tensor.h"

namespace anynpu::server::oip {

/// Reads `data`, the text of one JSON value that JsonReader has stepped over, as row-major
/// little-endian elements; BYTES as engine::Tensor says. Arrays are flat, or nested as `shape`
/// says. Numbers that `type` cannot hold are refused, and so are fractions for whole types; BOOL
/// takes true, false, 0 and 1. `what` names the tensor in errors: "input 'x'". At most
/// `most_bytes`.
Result<std::vector<std::byte>> tensor_from_json(std::string_view data, engine::DType type,
                                                const engine::Shape& shape, const std::string& what,
                                                std::size_t most_bytes);

/// Appends the elements as one flat JSON array; floating point numbers in the fewest digits that
/// read back the same. NaN, infinity, FP16, BF16 and BYTES that are not UTF-8 have no JSON form.
Result<> append_json_data(std::string& out, engine::DType type, std::span<const std::byte> bytes,
                          const std::string& what);

}  // namespace anynpu::server::oip
