// SPDX-License-Identifier: Apache-2.0
// Changes to ONNX models, as protobuf, before they are loaded. A damaged model comes back as it is:
// the runtime says what is wrong with it.
#pragma once

#include <string>
#include <string_view>

namespace anynpu::engine::ort {

/// The model with every product "floats x DequantizeLinear(8-bit weights)" replaced
/// by DynamicQuantizeMatMul over the 8-bit weights; the very same bytes when there is none.
///
/// Exporters leave such a pair where a decoder shares its table of words with its output: the table
/// (26 MB for Whisper base) is then turned into floats (106 MB) again at every token, which is more
/// than half of the time of a step.
std::string with_integer_logits(std::string_view model);

/// The model with every softmax(Q x K turned) x V of rank 3 replaced by one MultiHeadAttention
/// (ONNX Runtime 1.16 and newer); the very same bytes when there is none.
///
/// The runtime computes that one piece by piece in its caches; the matrix of an attention over 30
/// seconds is 72 MB. What else the attention is an output for, or masked with, stays as it is.
std::string with_fused_attention(std::string_view model);

/// The model with the first of its outputs alone; the very same bytes when it has no other.
///
/// The runtime keeps every output to the end of a run, also those that nobody asked for: the
/// attentions of Whisper base's encoder are six times 72 MB.
std::string with_first_output(std::string_view model);

/// Whether weights are in files of their own, which the runtime looks for beside the model's.
bool has_external_weights(std::string_view model);

}  // namespace anynpu::engine::ort
