// SPDX-License-Identifier: Apache-2.0
// CanaryInput: fixed numbers for tensors that take no picture.
#include "vision/canary_input.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include <fmt/format.h>

#include "engine/half.h"
#include "vision/pixels.h"

namespace anynpu::vision {
namespace {

using engine::DType;

bool takes_picture(const engine::TensorInfo& tensor) {
  return picture_layout(tensor).has_value() && sample_table(tensor, {}).has_value();
}

// The i-th number, -1 to 1: visits 256 steps in an order without a simple pattern.
double number(std::size_t i) {
  return (static_cast<double>(i * 37 % 256) - 127.5) / 127.5;
}

template <typename Element, typename Make>
void fill(std::span<std::byte> to, Make make) {
  for (std::size_t i = 0; i < to.size() / sizeof(Element); ++i) {
    const Element element = make(i);
    std::memcpy(to.data() + i * sizeof(Element), &element, sizeof(Element));
  }
}

template <typename Element>
Element one(std::size_t /*index*/) {
  return Element{1};
}

}  // namespace

Result<engine::Shape> CanaryInput::shape(std::size_t index,
                                         const engine::TensorInfo& tensor) const {
  if (takes_picture(tensor)) return picture_->shape(index, tensor);
  if (tensor.type == DType::kString)
    return Error{
        Code::kUnsupported,
        fmt::format("input \"{}\" takes strings, which a canary does not have", tensor.name)};
  engine::Shape shape = tensor.shape;
  std::replace_if(
      shape.begin(), shape.end(), [](std::int64_t side) { return side < 0; }, 1);
  return shape;
}

Result<> CanaryInput::write(std::size_t index, const engine::TensorInfo& tensor,
                            std::span<std::byte> to) const {
  if (takes_picture(tensor)) return picture_->write(index, tensor, to);
  const bool quantised = !tensor.quantisation.scales.empty();
  switch (tensor.type) {
    case DType::kFloat64:
      fill<double>(to, number);
      break;
    case DType::kFloat32:
      fill<float>(to, [](std::size_t i) { return static_cast<float>(number(i)); });
      break;
    case DType::kFloat16:
      fill<std::uint16_t>(
          to, [](std::size_t i) { return engine::float_to_half(static_cast<float>(number(i))); });
      break;
    case DType::kBFloat16:
      fill<std::uint16_t>(to, [](std::size_t i) {
        return engine::float_to_bfloat16(static_cast<float>(number(i)));
      });
      break;
    case DType::kInt64:
    case DType::kUint64:
      fill<std::uint64_t>(to, one<std::uint64_t>);
      break;
    case DType::kInt32:
    case DType::kUint32:
      fill<std::uint32_t>(to, one<std::uint32_t>);
      break;
    case DType::kInt16:
    case DType::kUint16:
      fill<std::uint16_t>(to, one<std::uint16_t>);
      break;
    case DType::kBool:
      fill<std::uint8_t>(to, one<std::uint8_t>);
      break;
    case DType::kInt8:
    case DType::kUint8:
      fill<std::uint8_t>(to, [quantised](std::size_t i) {
        return static_cast<std::uint8_t>(quantised ? i * 37 : 1);
      });
      break;
    default:
      std::fill(to.begin(), to.end(), std::byte{0});
      break;
  }
  return {};
}

}  // namespace anynpu::vision
