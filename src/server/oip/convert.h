// SPDX-License-Identifier: Apache-2.0
// From one encoding of numbers to another through the real values: what a uint8 artifact and a
// float32 artifact of the same network need to answer each other's requests.
#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"
#include "engine/tensor.h"

namespace anynpu::server::oip {

/// Whether the bytes of one can be taken for the other's: same type, same quantisation.
bool same_encoding(const engine::TensorInfo& a, const engine::TensorInfo& b);

/// Writes all elements of `from`, encoded as `from_info` says, into `to` as `to_info` says. Both
/// have the same number of elements; the shape that counts is from_info's. Dequantised, rounded
/// half away from zero and held to the range of a whole type. Exact for whole numbers up to 2^53.
Result<> convert_elements(std::span<const std::byte> from, const engine::TensorInfo& from_info,
                          std::span<std::byte> to, const engine::TensorInfo& to_info);

}  // namespace anynpu::server::oip
