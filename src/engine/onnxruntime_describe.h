// SPDX-License-Identifier: Apache-2.0
// The inputs and outputs of an .onnx artifact in anynpu's words.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/onnxruntime_abi.h"
#include "engine/session.h"

namespace anynpu::engine::ort {

/// An object of the runtime that is released with its owner.
template <typename T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

struct Description {
  SessionInfo info;
  // As the runtime needs them; SessionInfo's names were cleaned for people.
  std::vector<std::string> input_names;
  std::vector<std::string> output_names;
};

Result<Description> describe(const Api& api, const SessionHandle& session);

DType dtype_of(ElementType type);
/// kUndefined for a type that ONNX does not have.
ElementType element_type_of(DType type);

/// Type and shape of a tensor.
struct ElementsAndShape {
  ElementType type;
  Shape shape;
};
Result<ElementsAndShape> type_and_shape(const Api& api, const TensorInfo& info);

}  // namespace anynpu::engine::ort
