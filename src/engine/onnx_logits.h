// SPDX-License-Identifier: Apache-2.0
// Makes the last matrix of a quantised decoder an integer one.
#pragma once

#include <string>
#include <string_view>

namespace anynpu::engine::ort {

/// A model as ONNX protobuf, with every product "floats x DequantizeLinear(8-bit weights)" replaced
/// by DynamicQuantizeMatMul over the 8-bit weights; the very same bytes when there is none or when
/// the model is damaged.
///
/// Exporters leave such a pair where a decoder shares its table of words with its output: the table
/// (26 MB for Whisper base) is then turned into floats (106 MB) again at every token, which is more
/// than half of the time of a step.
std::string with_integer_logits(std::string_view model);

}  // namespace anynpu::engine::ort
