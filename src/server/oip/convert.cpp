// SPDX-License-Identifier: Apache-2.0
// Reads every element as a double, and writes it again.
#include "server/oip/convert.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "engine/half.h"
#include "server/oip/datatypes.h"

namespace anynpu::server::oip {
namespace {

using engine::DType;
using engine::Quantisation;
using engine::TensorInfo;

/// Calls `with` with a zero of the C++ type in which elements are stored; false when there is none.
template <typename With>
bool with_stored_type(DType type, With with) {
  switch (type) {
    case DType::kBool:
    case DType::kUint8:
      with(std::uint8_t{});
      return true;
    case DType::kInt8:
      with(std::int8_t{});
      return true;
    case DType::kUint16:
    case DType::kFloat16:
    case DType::kBFloat16:
      with(std::uint16_t{});
      return true;
    case DType::kInt16:
      with(std::int16_t{});
      return true;
    case DType::kUint32:
      with(std::uint32_t{});
      return true;
    case DType::kInt32:
      with(std::int32_t{});
      return true;
    case DType::kUint64:
      with(std::uint64_t{});
      return true;
    case DType::kInt64:
      with(std::int64_t{});
      return true;
    case DType::kFloat32:
      with(float{});
      return true;
    case DType::kFloat64:
      with(double{});
      return true;
    default:
      return false;
  }
}

template <typename Stored>
double real_of(Stored stored, DType type) {
  if constexpr (std::is_same_v<Stored, std::uint16_t>) {
    if (type == DType::kFloat16) return engine::half_to_float(stored);
    if (type == DType::kBFloat16) return engine::bfloat16_to_float(stored);
  }
  if (type == DType::kBool) return stored != 0 ? 1 : 0;
  return static_cast<double>(stored);
}

template <typename Stored>
Stored stored_of(double real, DType type) {
  if constexpr (std::is_floating_point_v<Stored>) {
    return static_cast<Stored>(real);
  } else {
    if (type == DType::kBool) return real != 0 ? 1 : 0;
    if constexpr (std::is_same_v<Stored, std::uint16_t>) {
      if (type == DType::kFloat16) return engine::float_to_half(static_cast<float>(real));
      if (type == DType::kBFloat16) return engine::float_to_bfloat16(static_cast<float>(real));
    }
    if (std::isnan(real)) return 0;
    const double rounded = std::round(real);
    // Compared as doubles: the largest 64-bit numbers round up to one that does not fit.
    if (rounded >= static_cast<double>(std::numeric_limits<Stored>::max()))
      return std::numeric_limits<Stored>::max();
    if (rounded <= static_cast<double>(std::numeric_limits<Stored>::min()))
      return std::numeric_limits<Stored>::min();
    return static_cast<Stored>(rounded);
  }
}

/// The scale and the zero point of each element; 1 and 0 for a tensor that is not quantised.
class Scales {
 public:
  static Result<Scales> of(const TensorInfo& info, const engine::Shape& shape) {
    Scales scales;
    const Quantisation& q = info.quantisation;
    if (q.scales.empty()) return scales;
    scales.quantisation_ = &q;
    if (q.per_tensor()) return scales;
    const auto axis = static_cast<std::size_t>(q.axis);
    if (q.axis < 0 || axis >= shape.size() ||
        static_cast<std::size_t>(shape[axis]) != q.scales.size() ||
        (q.zero_points.size() > 1 && q.zero_points.size() != q.scales.size()))
      return Error{Code::kUnsupported,
                   fmt::format("tensor '{}': {} scales do not fit {}", printable(info.name, 100),
                               q.scales.size(), engine::to_string(shape))};
    scales.inner_ = 1;
    for (std::size_t i = axis + 1; i < shape.size(); ++i)
      scales.inner_ *= static_cast<std::size_t>(shape[i]);
    return scales;
  }

  double to_real(double stored, std::size_t element) const {
    if (quantisation_ == nullptr) return stored;
    return scale(element) * (stored - zero_point(element));
  }
  double to_stored(double real, std::size_t element) const {
    if (quantisation_ == nullptr) return real;
    return std::round(real / scale(element)) + zero_point(element);
  }

 private:
  std::size_t channel(std::size_t element) const {
    return inner_ == 0 ? 0 : element / inner_ % quantisation_->scales.size();
  }
  double scale(std::size_t element) const { return quantisation_->scales[channel(element)]; }
  double zero_point(std::size_t element) const {
    const std::vector<std::int32_t>& points = quantisation_->zero_points;
    if (points.empty()) return 0;
    return points[points.size() == 1 ? 0 : channel(element)];
  }

  const Quantisation* quantisation_ = nullptr;
  std::size_t inner_ = 0;  // elements per index of the axis; 0: one scale for all
};

Error no_numbers(const TensorInfo& info) {
  return Error{Code::kUnsupported,
               fmt::format("tensor '{}': {} cannot be converted", printable(info.name, 100),
                           engine::to_string(info.type))};
}

}  // namespace

bool same_encoding(const TensorInfo& a, const TensorInfo& b) {
  const Quantisation& p = a.quantisation;
  const Quantisation& q = b.quantisation;
  return a.type == b.type && p.scales == q.scales &&
         (p.scales.empty() || p.zero_points == q.zero_points) &&
         (p.scales.size() < 2 || p.axis == q.axis);
}

Result<> convert_elements(std::span<const std::byte> from, const TensorInfo& from_info,
                          std::span<std::byte> to, const TensorInfo& to_info) {
  const std::size_t from_size = element_size(from_info.type);
  const std::size_t to_size = element_size(to_info.type);
  if (from_size == 0) return no_numbers(from_info);
  if (to_size == 0) return no_numbers(to_info);
  const std::size_t count = from.size() / from_size;
  if (from.size() != count * from_size || to.size() != count * to_size)
    return Error{Code::kInvalid, fmt::format("tensor '{}': {} bytes of {} are not {} bytes of {}",
                                             printable(to_info.name, 100), from.size(),
                                             engine::to_string(from_info.type), to.size(),
                                             engine::to_string(to_info.type))};
  ANYNPU_TRY(source, Scales::of(from_info, from_info.shape));
  ANYNPU_TRY(target, Scales::of(to_info, from_info.shape));
  std::vector<double> reals(count);
  const bool readable = with_stored_type(from_info.type, [&](auto stored) {
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(&stored, from.data() + i * sizeof stored, sizeof stored);
      reals[i] = source.to_real(real_of(stored, from_info.type), i);
    }
  });
  if (!readable) return no_numbers(from_info);
  const bool writable = with_stored_type(to_info.type, [&](auto stored) {
    for (std::size_t i = 0; i < count; ++i) {
      stored = stored_of<decltype(stored)>(target.to_stored(reals[i], i), to_info.type);
      std::memcpy(to.data() + i * sizeof stored, &stored, sizeof stored);
    }
  });
  return writable ? Result<>() : Result<>(no_numbers(to_info));
}

}  // namespace anynpu::server::oip
