// SPDX-License-Identifier: Apache-2.0
// Describes TFLite's tensors: through accessors where the library has them, else from the
// structure.
#include "engine/tflite_tensors.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "engine/session_inputs.h"
#include "engine/strings.h"

namespace anynpu::engine::tflite {
namespace {

constexpr int kMostRank = 32;
constexpr int kMostScales = 1 << 20;

DType dtype_of(Type type) {
  switch (type) {
    case kFloat32:
      return DType::kFloat32;
    case kInt32:
      return DType::kInt32;
    case kUint8:
      return DType::kUint8;
    case kInt64:
      return DType::kInt64;
    case kString:
      return DType::kString;
    case kBool:
      return DType::kBool;
    case kInt16:
      return DType::kInt16;
    case kComplex64:
      return DType::kComplex64;
    case kInt8:
      return DType::kInt8;
    case kFloat16:
      return DType::kFloat16;
    case kFloat64:
      return DType::kFloat64;
    case kComplex128:
      return DType::kComplex128;
    case kUint64:
      return DType::kUint64;
    case kUint32:
      return DType::kUint32;
    case kUint16:
      return DType::kUint16;
    case kInt4:
      return DType::kInt4;
    case kBFloat16:
      return DType::kBFloat16;
    case kNoType:
    case kResource:
    case kVariant:
      break;
  }
  return DType::kUnknown;
}

/// Whether the structure is laid out as we declared it: every field that has an accessor agrees.
bool layout_agrees(const Api& api, const Tensor* tensor) {
  return tensor->type == api.tensor_type(tensor) && tensor->bytes == api.tensor_bytes(tensor) &&
         tensor->data == api.tensor_data(tensor) && tensor->name == api.tensor_name(tensor) &&
         tensor->dims != nullptr && tensor->dims->size == api.tensor_rank(tensor);
}

/// The declared shape with its open dimensions; empty when the tensor has none.
Shape signature_of(const Api& api, const Tensor* tensor) {
  Shape signature;
  if (api.signature_rank != nullptr && api.signature_dim != nullptr) {
    std::int32_t rank = -1;
    if (api.signature_rank(tensor, &rank) != kOk) return signature;
    for (int i = 0; i < std::min(rank, kMostRank); ++i) {
      std::int32_t dimension = 0;
      if (api.signature_dim(tensor, i, &dimension) != kOk) return {};
      signature.push_back(dimension);
    }
  } else if (layout_agrees(api, tensor) && tensor->dims_signature != nullptr) {
    const int rank = std::min(tensor->dims_signature->size, kMostRank);
    for (int i = 0; i < rank; ++i) signature.push_back(tensor->dims_signature->at(i));
  }
  return signature;
}

Quantisation quantisation_of(const Api& api, const Tensor* tensor) {
  Quantisation result;
  Quantization found{0, nullptr};
  if (api.quantization != nullptr)
    found = api.quantization(tensor);
  else if (layout_agrees(api, tensor))
    found = tensor->quantization;
  const auto* affine = static_cast<const AffineQuantization*>(found.params);
  if (found.type == 1 && affine != nullptr && affine->scale != nullptr && affine->scale->size > 1) {
    for (int i = 0; i < std::min(affine->scale->size, kMostScales); ++i)
      result.scales.push_back(affine->scale->at(i));
    if (affine->zero_point != nullptr)
      for (int i = 0; i < std::min(affine->zero_point->size, kMostScales); ++i)
        result.zero_points.push_back(affine->zero_point->at(i));
    result.axis = affine->quantized_dimension;
    return result;
  }
  const QuantizationParams whole = api.tensor_quantisation(tensor);
  if (whole.scale != 0) result = {{whole.scale}, {whole.zero_point}, 0};
  return result;
}

Result<TensorInfo> describe_tensor(const Api& api, const Tensor* tensor, const char* what,
                                   int index) {
  if (tensor == nullptr)
    return Error{Code::kInvalid, fmt::format("{} {} is missing from the model", what, index)};
  TensorInfo info;
  const char* name = api.tensor_name(tensor);
  info.name = name != nullptr ? printable(name) : "";
  const Type type = api.tensor_type(tensor);
  info.type = dtype_of(type);
  if (info.type == DType::kUnknown)
    return Error{Code::kUnsupported,
                 fmt::format("{} '{}' has TFLite's element type {}, which anynpu cannot pass on",
                             what, info.name, static_cast<int>(type))};
  info.shape = shape_now(api, tensor);
  const Shape signature = signature_of(api, tensor);
  if (signature.size() == info.shape.size())
    for (std::size_t i = 0; i < signature.size(); ++i)
      if (signature[i] < 0) info.shape[i] = -1;
  info.quantisation = quantisation_of(api, tensor);
  return info;
}

}  // namespace

Shape shape_now(const Api& api, const Tensor* tensor) {
  Shape shape;
  const int rank = std::min(api.tensor_rank(tensor), kMostRank);
  for (int i = 0; i < rank; ++i) shape.push_back(api.tensor_dim(tensor, i));
  return shape;
}

Result<SessionInfo> describe(const Api& api, const Graph& graph) {
  SessionInfo info;
  for (int i = 0; i < api.input_count(graph.interpreter()); ++i) {
    ANYNPU_TRY(tensor, describe_tensor(api, api.input(graph.interpreter(), i), "input", i));
    info.inputs.push_back(std::move(tensor));
  }
  for (int i = 0; i < api.output_count(graph.interpreter()); ++i) {
    ANYNPU_TRY(tensor, describe_tensor(api, api.output(graph.interpreter(), i), "output", i));
    info.outputs.push_back(std::move(tensor));
  }
  return info;
}

bool try_batch(const Api& api, Graph& graph, const SessionInfo& info) {
  if (info.inputs.empty() || info.outputs.empty()) return false;
  std::vector<Shape> shapes;
  for (const TensorInfo& input : info.inputs) {
    Shape shape = input.shape;
    // A fixed leading dimension over 1 is part of the network's own meaning, not a batch.
    if (shape.empty() || (shape[0] != 1 && shape[0] != -1)) return false;
    shape[0] = 2;
    for (std::int64_t& dimension : shape) dimension = std::max<std::int64_t>(dimension, 1);
    shapes.push_back(std::move(shape));
  }
  if (!graph.allocate(shapes)) return false;
  for (int i = 0; i < api.output_count(graph.interpreter()); ++i) {
    const Shape shape = shape_now(api, api.output(graph.interpreter(), i));
    const Shape& alone = info.outputs[static_cast<std::size_t>(i)].shape;
    if (shape.empty() || shape[0] != 2 || shape.size() != alone.size() ||
        (alone[0] != 1 && alone[0] != -1))
      return false;
    for (std::size_t d = 1; d < shape.size(); ++d)
      if (alone[d] >= 0 && shape[d] != alone[d]) return false;
  }
  return true;
}

Result<> set_strings(const Api& api, Tensor* tensor, std::span<const std::byte> bytes,
                     std::size_t count) {
  ANYNPU_TRY(strings, split_strings(bytes, count));
  ANYNPU_TRY(buffer, to_tflite_strings(strings));
  api.tensor_realloc(buffer.size(), tensor);
  if (api.tensor_bytes(tensor) != buffer.size() || api.tensor_data(tensor) == nullptr ||
      api.tensor_copy_from(tensor, buffer.data(), buffer.size()) != kOk)
    return Error{Code::kDevice, "TFLite takes no strings into this input"};
  return {};
}

Result<std::vector<std::byte>> get_strings(const Api& api, const Tensor* tensor) {
  const auto* data = static_cast<const std::byte*>(api.tensor_data(tensor));
  ANYNPU_TRY(strings, from_tflite_strings({data, data != nullptr ? api.tensor_bytes(tensor) : 0}));
  std::vector<std::byte> bytes;
  for (const std::string_view text : strings) append_string(bytes, text);
  return bytes;
}

}  // namespace anynpu::engine::tflite
