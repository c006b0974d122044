// SPDX-License-Identifier: Apache-2.0
// Element types, shapes, and the real values of tensors.
#include "engine/tensor.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>

#include <fmt/format.h>

#include "engine/half.h"

namespace anynpu::engine {
namespace {

struct TypeRow {
  DType type;
  std::string_view word;
  std::size_t bits;
};

constexpr std::array kTypes = {
    TypeRow{DType::kUnknown, "unknown", 0},      TypeRow{DType::kBool, "bool", 8},
    TypeRow{DType::kUint8, "uint8", 8},          TypeRow{DType::kInt8, "int8", 8},
    TypeRow{DType::kUint16, "uint16", 16},       TypeRow{DType::kInt16, "int16", 16},
    TypeRow{DType::kUint32, "uint32", 32},       TypeRow{DType::kInt32, "int32", 32},
    TypeRow{DType::kUint64, "uint64", 64},       TypeRow{DType::kInt64, "int64", 64},
    TypeRow{DType::kFloat16, "float16", 16},     TypeRow{DType::kBFloat16, "bfloat16", 16},
    TypeRow{DType::kFloat32, "float32", 32},     TypeRow{DType::kFloat64, "float64", 64},
    TypeRow{DType::kComplex64, "complex64", 64}, TypeRow{DType::kComplex128, "complex128", 128},
    TypeRow{DType::kString, "string", 0},        TypeRow{DType::kInt4, "int4", 4},
    TypeRow{DType::kUint4, "uint4", 4},
};

const TypeRow& row_of(DType type) {
  for (const TypeRow& row : kTypes)
    if (row.type == type) return row;
  return kTypes.front();
}

/// Reads `count` elements of one type as real numbers; tensors may be unaligned, so by memcpy.
template <typename Stored, typename Convert>
std::vector<float> widen(std::span<const std::byte> bytes, std::size_t count, Convert convert) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = convert(stored);
  }
  return values;
}

template <typename Stored>
std::vector<float> widen(std::span<const std::byte> bytes, std::size_t count) {
  return widen<Stored>(bytes, count, [](Stored stored) { return static_cast<float>(stored); });
}

/// Two values in a byte, the first one in the low half.
std::vector<float> widen_nibbles(std::span<const std::byte> bytes, std::size_t count,
                                 bool is_signed) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto pair = std::to_integer<unsigned>(bytes[i / 2]);
    const int nibble = static_cast<int>(i % 2 == 0 ? pair & 15U : pair >> 4);
    values[i] = static_cast<float>(is_signed && nibble > 7 ? nibble - 16 : nibble);
  }
  return values;
}

Result<std::vector<float>> stored_values(const Tensor& tensor, std::size_t count) {
  const std::span<const std::byte> bytes = tensor.bytes;
  switch (tensor.info.type) {
    case DType::kBool:
      return widen<std::uint8_t>(bytes, count, [](std::uint8_t b) { return b != 0 ? 1.0F : 0.0F; });
    case DType::kUint8:
      return widen<std::uint8_t>(bytes, count);
    case DType::kInt8:
      return widen<std::int8_t>(bytes, count);
    case DType::kUint16:
      return widen<std::uint16_t>(bytes, count);
    case DType::kInt16:
      return widen<std::int16_t>(bytes, count);
    case DType::kUint32:
      return widen<std::uint32_t>(bytes, count);
    case DType::kInt32:
      return widen<std::int32_t>(bytes, count);
    case DType::kUint64:
      return widen<std::uint64_t>(bytes, count);
    case DType::kInt64:
      return widen<std::int64_t>(bytes, count);
    case DType::kFloat16:
      return widen<std::uint16_t>(bytes, count, half_to_float);
    case DType::kBFloat16:
      return widen<std::uint16_t>(bytes, count, bfloat16_to_float);
    case DType::kFloat32:
      return widen<float>(bytes, count);
    case DType::kFloat64:
      return widen<double>(bytes, count);
    case DType::kInt4:
      return widen_nibbles(bytes, count, true);
    case DType::kUint4:
      return widen_nibbles(bytes, count, false);
    case DType::kUnknown:
    case DType::kComplex64:
    case DType::kComplex128:
    case DType::kString:
      break;
  }
  return Error{Code::kUnsupported, fmt::format("tensor '{}': {} elements have no real value",
                                               tensor.info.name, to_string(tensor.info.type))};
}

Result<> dequantise(const TensorInfo& info, std::vector<float>& values) {
  const Quantisation& q = info.quantisation;
  auto zero_point = [&q](std::size_t i) {
    if (q.zero_points.empty()) return 0.0F;
    return static_cast<float>(q.zero_points[q.zero_points.size() == 1 ? 0 : i]);
  };
  if (q.per_tensor()) {
    for (float& value : values) value = q.scales[0] * (value - zero_point(0));
    return {};
  }
  const auto axis = static_cast<std::size_t>(q.axis);
  if (q.axis < 0 || axis >= info.shape.size() ||
      static_cast<std::int64_t>(q.scales.size()) != info.shape[axis] ||
      (q.zero_points.size() > 1 && q.zero_points.size() != q.scales.size()))
    return Error{
        Code::kInvalid,
        fmt::format("tensor '{}': {} scales and {} zero points for axis {} of {}", info.name,
                    q.scales.size(), q.zero_points.size(), q.axis, to_string(info.shape))};
  std::size_t inner = 1;
  for (std::size_t i = axis + 1; i < info.shape.size(); ++i)
    inner *= static_cast<std::size_t>(info.shape[i]);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t channel = i / inner % q.scales.size();
    values[i] = q.scales[channel] * (values[i] - zero_point(channel));
  }
  return {};
}

}  // namespace

std::string_view to_string(DType type) {
  return row_of(type).word;
}

DType dtype_from(std::string_view word) {
  for (const TypeRow& row : kTypes)
    if (row.word == word) return row.type;
  return DType::kUnknown;
}

std::size_t bits_of(DType type) {
  return row_of(type).bits;
}

std::string to_string(const Shape& shape) {
  if (shape.empty()) return "scalar";
  std::string text;
  for (const std::int64_t dimension : shape) {
    if (!text.empty()) text += 'x';
    text += dimension < 0 ? "?" : std::to_string(dimension);
  }
  return text;
}

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t dimension : shape)
    if (dimension < 0) return -1;
  for (const std::int64_t dimension : shape)
    if (__builtin_mul_overflow(count, dimension, &count)) return -1;
  return count;
}

std::size_t TensorInfo::byte_size() const {
  const std::int64_t count = element_count(shape);
  const std::size_t bits = bits_of(type);
  std::size_t total = 0;
  if (count < 0 || bits == 0 ||
      __builtin_mul_overflow(static_cast<std::size_t>(count), bits, &total) ||
      total > std::numeric_limits<std::size_t>::max() - 7)
    return 0;
  return (total + 7) / 8;
}

Result<std::vector<float>> to_floats(const Tensor& tensor) {
  const std::int64_t count = element_count(tensor.info.shape);
  const std::size_t bits = bits_of(tensor.info.type);
  if (count < 0 || (bits != 0 && tensor.info.byte_size() != tensor.bytes.size()))
    return Error{Code::kInvalid,
                 fmt::format("tensor '{}': {} bytes are not {} elements of {}", tensor.info.name,
                             tensor.bytes.size(), to_string(tensor.info.shape),
                             to_string(tensor.info.type))};
  ANYNPU_TRY(values, stored_values(tensor, static_cast<std::size_t>(count)));
  if (!tensor.info.quantisation.scales.empty()) ANYNPU_CHECK(dequantise(tensor.info, values));
  return std::move(values);
}

double cosine_similarity(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return 0;
  double dot = 0;
  double length_a = 0;
  double length_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += static_cast<double>(a[i]) * b[i];
    length_a += static_cast<double>(a[i]) * a[i];
    length_b += static_cast<double>(b[i]) * b[i];
  }
  if (length_a == 0 && length_b == 0) return 1;
  const double cosine = dot / (std::sqrt(length_a) * std::sqrt(length_b));
  return std::isfinite(cosine) ? cosine : 0;
}

}  // namespace anynpu::engine
