// SPDX-License-Identifier: Apache-2.0
// How tensors get into the NPU and out of it: in its own form and its own buffers, or converted by
// the runtime.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/rknn_context.h"
#include "engine/session.h"

namespace anynpu::engine::rknn {

class TensorPath {
 public:
  virtual ~TensorPath() = default;
  /// Types, quantisation and shapes as this way hands them over.
  virtual const std::vector<TensorInfo>& inputs() const = 0;
  virtual const std::vector<TensorInfo>& outputs() const = 0;
  /// `bytes` is as long as the input's shape asks for.
  virtual Result<> set_input(std::size_t index, std::span<const std::byte> bytes) = 0;
  /// Hands over the inputs, runs, takes the outputs.
  virtual Result<> run() = 0;
  /// Of the last run.
  virtual std::span<const std::byte> output(std::size_t index) const = 0;
};

/// Buffers of the NPU, in its own layout. Code::kUnsupported where the runtime is too old for them
/// or a layout is not known.
Result<std::unique_ptr<TensorPath>> native_path(const LoadedContext& context);

/// rknn_inputs_set and rknn_outputs_get with real numbers; all outputs are asked for, as runtimes
/// from 1.6 on want it. `chosen`: the shapes are those that were chosen last, not the first ones.
Result<std::unique_ptr<TensorPath>> converted_path(const LoadedContext& context, bool chosen);

}  // namespace anynpu::engine::rknn
