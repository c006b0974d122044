// SPDX-License-Identifier: Apache-2.0
// Sorts the indices of each row by their values.
#include "server/oip/classification.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <string>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "engine/half.h"
#include "server/oip/binary_tensor.h"
#include "server/oip/datatypes.h"

namespace anynpu::server::oip {
namespace {

using engine::DType;
using engine::Tensor;

struct Rows {
  std::size_t count = 1;
  std::size_t length = 0;
  std::size_t k = 0;
};

template <typename T>
std::string text_of(T value) {
  if constexpr (std::is_floating_point_v<T>)
    if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  std::array<char, 40> digits;
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr};
}

template <typename T>
bool is_before(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    if (std::isnan(a) || std::isnan(b)) return !std::isnan(a) && std::isnan(b);
  return a > b;
}

template <typename Stored, typename Convert>
void append_best(const Tensor& output, const Rows& rows, const LabelOf& label_of, Convert convert,
                 std::vector<std::byte>& to) {
  using Value = std::invoke_result_t<Convert, Stored>;
  std::vector<Value> values(rows.length);
  std::vector<std::size_t> classes(rows.length);
  for (std::size_t row = 0; row < rows.count; ++row) {
    for (std::size_t i = 0; i < rows.length; ++i) {
      Stored stored;
      std::memcpy(&stored, output.bytes.data() + (row * rows.length + i) * sizeof stored,
                  sizeof stored);
      values[i] = convert(stored);
    }
    std::iota(classes.begin(), classes.end(), std::size_t{0});
    const auto middle = classes.begin() + static_cast<std::ptrdiff_t>(rows.k);
    std::partial_sort(classes.begin(), middle, classes.end(), [&](std::size_t a, std::size_t b) {
      if (is_before(values[a], values[b])) return true;
      return !is_before(values[b], values[a]) && a < b;
    });
    for (auto best = classes.begin(); best != middle; ++best) {
      std::string element = fmt::format("{}:{}", text_of(values[*best]), *best);
      if (const std::string_view label = label_of(*best); !label.empty())
        element.append(":").append(label);
      append_bytes_element(to, element);
    }
  }
}

template <typename T>
void append_best(const Tensor& output, const Rows& rows, const LabelOf& label_of,
                 std::vector<std::byte>& to) {
  append_best<T>(
      output, rows, label_of, [](T value) { return value; }, to);
}

}  // namespace

Result<Tensor> classify_output(const Tensor& output, std::size_t k, const LabelOf& label_of) {
  const engine::Shape& shape = output.info.shape;
  const std::string what = fmt::format("output '{}'", printable(output.info.name, 100));
  const std::int64_t count = engine::element_count(shape);
  const std::int64_t batch = shape.size() > 1 ? shape[0] : 1;
  if (count < 1 || output.info.byte_size() != output.bytes.size())
    return Error{Code::kInvalid,
                 fmt::format("{} of {} {} cannot be classified", what,
                             engine::to_string(output.info.type), engine::to_string(shape))};
  Rows rows;
  rows.count = static_cast<std::size_t>(batch);
  rows.length = static_cast<std::size_t>(count / batch);
  rows.k = std::min(k, rows.length);

  Tensor best;
  best.info.name = output.info.name;
  best.info.type = DType::kString;
  best.info.shape = {static_cast<std::int64_t>(rows.k)};
  if (shape.size() > 1) best.info.shape.insert(best.info.shape.begin(), batch);
  std::vector<std::byte>& to = best.bytes;
  switch (output.info.type) {
    case DType::kUint8:
      append_best<std::uint8_t>(output, rows, label_of, to);
      break;
    case DType::kUint16:
      append_best<std::uint16_t>(output, rows, label_of, to);
      break;
    case DType::kUint32:
      append_best<std::uint32_t>(output, rows, label_of, to);
      break;
    case DType::kUint64:
      append_best<std::uint64_t>(output, rows, label_of, to);
      break;
    case DType::kInt8:
      append_best<std::int8_t>(output, rows, label_of, to);
      break;
    case DType::kInt16:
      append_best<std::int16_t>(output, rows, label_of, to);
      break;
    case DType::kInt32:
      append_best<std::int32_t>(output, rows, label_of, to);
      break;
    case DType::kInt64:
      append_best<std::int64_t>(output, rows, label_of, to);
      break;
    case DType::kFloat32:
      append_best<float>(output, rows, label_of, to);
      break;
    case DType::kFloat64:
      append_best<double>(output, rows, label_of, to);
      break;
    case DType::kFloat16:
      append_best<std::uint16_t>(output, rows, label_of, engine::half_to_float, to);
      break;
    case DType::kBFloat16:
      append_best<std::uint16_t>(output, rows, label_of, engine::bfloat16_to_float, to);
      break;
    default:
      return Error{Code::kInvalid, fmt::format("{} of {} cannot be classified", what,
                                               engine::to_string(output.info.type))}
          .with_hint("classification needs an output of numbers");
  }
  return best;
}

}  // namespace anynpu::server::oip
