// SPDX-License-Identifier: Apache-2.0
// Tensors as raw bytes: little endian, row-major, no padding; each element of BYTES is a uint32
// length and that many bytes.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/tensor.h"

namespace anynpu::server::oip {

/// Whether `bytes` are exactly the elements that `shape`, which is complete, asks for; for BOOL
/// also whether each is 0 or 1. `what` names the tensor in errors.
Result<> check_tensor_bytes(std::span<const std::byte> bytes, engine::DType type,
                            const engine::Shape& shape, const std::string& what);

/// Takes one element of BYTES from the front of `rest`.
Result<std::string_view> take_bytes_element(std::span<const std::byte>& rest,
                                            const std::string& what);

/// Appends one element of BYTES, at most 2^32-1 bytes long.
void append_bytes_element(std::vector<std::byte>& bytes, std::string_view element);

}  // namespace anynpu::server::oip
