// SPDX-License-Identifier: Apache-2.0
// The classification extension: the best classes of an output instead of all its elements.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

#include "base/result.h"
#include "engine/tensor.h"

namespace anynpu::server::oip {

/// The label of a class; empty when it has none.
using LabelOf = std::function<std::string_view(std::size_t class_id)>;

/// From [batch, ...] to BYTES [batch, k], from [classes] to BYTES [k]: the k highest elements of
/// each row as "value:index" or "value:index:label", highest first, equal ones by index. Values are
/// the tensor's own, so a quantised output gives stored integers. k is at most the length of a row.
Result<engine::Tensor> classify_output(const engine::Tensor& output, std::size_t k,
                                       const LabelOf& label_of);

}  // namespace anynpu::server::oip
