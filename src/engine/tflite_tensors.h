// SPDX-License-Identifier: Apache-2.0
// TFLite's tensors in anynpu's words.
#pragma once

#include "base/result.h"
#include "engine/session.h"
#include "engine/tflite_abi.h"
#include "engine/tflite_graph.h"

namespace anynpu::engine::tflite {

/// Inputs and outputs of an allocated graph. Dimensions that the artifact leaves open are -1. An
/// element type that anynpu does not know is an error.
Result<SessionInfo> describe(const Api& api, const Graph& graph);

/// The shape that a tensor has now.
Shape shape_now(const Api& api, const Tensor* tensor);

/// Whether requests can be run together: with a leading dimension of 2 for every input the graph
/// can be prepared, and every output then has 2 as well. The graph is left with those shapes.
bool try_batch(const Api& api, Graph& graph, const SessionInfo& info);

/// Puts strings (BYTES) into a tensor of `count` elements.
Result<> set_strings(const Api& api, Tensor* tensor, std::span<const std::byte> bytes,
                     std::size_t count);
/// Reads them back as BYTES.
Result<std::vector<std::byte>> get_strings(const Api& api, const Tensor* tensor);

}  // namespace anynpu::engine::tflite
