// SPDX-License-Identifier: Apache-2.0
// Tensors as every engine describes them: type, shape, quantisation, bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace anynpu::engine {

/// Element types of the TFLite and ONNX Runtime C APIs.
enum class DType : std::uint8_t {
  kUnknown,
  kBool,
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kUint64,
  kInt64,
  kFloat16,
  kBFloat16,
  kFloat32,
  kFloat64,
  kComplex64,
  kComplex128,
  kString,
  kInt4,
  kUint4,
};

/// "float32", "uint8", ... as NumPy spells them.
std::string_view to_string(DType type);
DType dtype_from(std::string_view word);
/// Bits of one element; 0 for strings and unknown types.
std::size_t bits_of(DType type);

/// Row-major; -1 is a dimension that the request chooses.
using Shape = std::vector<std::int64_t>;

/// "1x224x224x3"; "?" for a dynamic dimension, "scalar" for none.
std::string to_string(const Shape& shape);
/// The number of elements; -1 when a dimension is dynamic or the product does not fit.
std::int64_t element_count(const Shape& shape);

/// real = scale * (stored - zero_point). One pair for the whole tensor, or one per index of `axis`.
struct Quantisation {
  std::vector<float> scales;  // empty: not quantised
  std::vector<std::int32_t> zero_points;
  int axis = 0;

  bool per_tensor() const { return scales.size() == 1; }
};

struct TensorInfo {
  std::string name;
  DType type = DType::kUnknown;
  Shape shape;
  Quantisation quantisation = {};

  /// Bytes of the whole tensor; 0 when dynamic or of strings.
  std::size_t byte_size() const;
};

/// Strings travel as the Open Inference Protocol's BYTES: per element a little-endian uint32 length
/// and that many bytes, in row-major order.
struct Tensor {
  TensorInfo info;
  std::vector<std::byte> bytes;
};

/// The real values of a numeric tensor: dequantised, widened or narrowed to float32.
Result<std::vector<float>> to_floats(const Tensor& tensor);

/// 1 when both point the same way; 0 when either is all zero and the other is not.
double cosine_similarity(const std::vector<float>& a, const std::vector<float>& b);

}  // namespace anynpu::engine
