// SPDX-License-Identifier: Apache-2.0
// The NPU's own layouts of a tensor: NHWC with padded rows, and NC1HWC2, where channels come in
// blocks. Moving the bytes here and handing them over as they are saves the runtime its own, slower
// conversion, and leaves no doubt about what it does to the values.
#pragma once

#include <cstddef>
#include <span>

#include "engine/rknn_abi.h"
#include "engine/tensor.h"

namespace anynpu::engine::rknn {

/// Bytes of one element; 0 when anynpu has no such type.
std::size_t element_bytes(Type type);
DType dtype_of(Type type);

/// Whether tensors can be moved between `declared` and `native`; no attribute is trusted.
bool can_move(const TensorAttr& declared, const TensorAttr& native);

/// The bytes of the native form.
std::size_t native_bytes(const TensorAttr& native);

/// `from` is in the declared order, `to` in the native one, each as long as can_move() made sure
/// of. What pads is left as it is.
void to_native(const TensorAttr& declared, const TensorAttr& native,
               std::span<const std::byte> from, std::span<std::byte> to);
void from_native(const TensorAttr& declared, const TensorAttr& native,
                 std::span<const std::byte> from, std::span<std::byte> to);

/// Both forms are the same bytes.
bool same_layout(const TensorAttr& declared, const TensorAttr& native);

}  // namespace anynpu::engine::rknn
