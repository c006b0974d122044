// SPDX-License-Identifier: Apache-2.0
// Tables of samples for every element type, and the loops that use them.
#include "vision/pixels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "engine/half.h"

namespace anynpu::vision {
namespace {

using engine::DType;

constexpr std::int64_t kMostInputSide = 8192;
constexpr double kSnap = 1.001;  // levels; one, with room for the rounding of scales

struct Integer {
  double least, most, offset;  // offset: what a plain sample is moved by
};

std::optional<Integer> integer_of(DType type) {
  switch (type) {
    case DType::kUint8:
      return Integer{0, 255, 0};
    case DType::kInt8:
      return Integer{-128, 127, -128};
    case DType::kUint16:
      return Integer{0, 65535, 0};
    case DType::kInt16:
      return Integer{-32768, 32767, 0};
    case DType::kInt32:
      return Integer{-2147483648.0, 2147483647.0, 0};
    default:
      return std::nullopt;
  }
}

std::uint32_t float_bits(float value, DType type) {
  if (type == DType::kFloat16) return engine::float_to_half(value);
  if (type == DType::kBFloat16) return engine::float_to_bfloat16(value);
  return std::bit_cast<std::uint32_t>(value);
}

void fill_integers(const engine::TensorInfo& tensor, const model::Preprocess& preprocess,
                   const Integer& type, SampleTable& table) {
  const engine::Quantisation& quantisation = tensor.quantisation;
  std::array<std::array<double, 256>, 3> levels{};
  double furthest = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    const std::size_t pair =
        quantisation.per_tensor() ? 0 : std::min(c, quantisation.scales.size() - 1);
    const double scale = quantisation.scales[pair];
    const double zero = pair < quantisation.zero_points.size() ? quantisation.zero_points[pair] : 0;
    for (std::size_t v = 0; v < 256; ++v) {
      const double real = (static_cast<double>(v) - preprocess.mean[c]) / preprocess.std[c];
      levels[c][v] = real / scale + zero;
      furthest =
          std::max(furthest, std::abs(levels[c][v] - (static_cast<double>(v) + type.offset)));
    }
  }
  const bool snap = table.element_size == 1 && furthest <= kSnap;
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t v = 0; v < 256; ++v) {
      const double level = snap ? static_cast<double>(v) + type.offset : levels[c][v];
      table.bits[c][v] = static_cast<std::uint32_t>(
          static_cast<std::int64_t>(std::clamp(std::round(level), type.least, type.most)));
    }
}

void fill_plain(const Integer& type, SampleTable& table) {
  for (auto& channel : table.bits)
    for (std::size_t v = 0; v < 256; ++v)
      channel[v] = static_cast<std::uint32_t>(
          static_cast<std::int64_t>(static_cast<double>(v) + type.offset));
}

std::uint8_t luma(const std::uint8_t* pixel) {
  return static_cast<std::uint8_t>(
      (pixel[0] * 19595 + pixel[1] * 38470 + pixel[2] * 7471 + 0x8000) >> 16);
}

template <typename Element>
using Tables = std::array<std::array<Element, 256>, 3>;

template <typename Element>
void write_as(const Image& image, const InputLayout& layout, model::Colour colour,
              const SampleTable& table, std::byte* bytes) {
  Tables<Element> values;
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t v = 0; v < 256; ++v) values[c][v] = static_cast<Element>(table.bits[c][v]);
  // The destination may be unaligned, so elements are copied in by memcpy, which compiles to a
  // store.
  const auto put = [bytes](std::size_t index, Element value) {
    std::memcpy(bytes + index * sizeof(Element), &value, sizeof(Element));
  };
  const std::size_t count = image.rgb.size() / 3;
  const std::uint8_t* pixel = image.rgb.data();
  if (layout.channels == 1) {
    for (std::size_t i = 0; i < count; ++i, pixel += 3) put(i, values[0][luma(pixel)]);
    return;
  }
  const std::size_t first = colour == model::Colour::kBgr ? 2 : 0;
  const std::size_t last = 2 - first;
  const std::size_t step = layout.channels_first ? 1 : 3;
  const std::size_t plane = layout.channels_first ? count : 1;
  if (colour == model::Colour::kGrey) {  // a model of three channels that wants grey in each
    for (std::size_t i = 0; i < count; ++i, pixel += 3)
      for (std::size_t c = 0; c < 3; ++c) put(i * step + c * plane, values[c][luma(pixel)]);
    return;
  }
  for (std::size_t i = 0; i < count; ++i, pixel += 3) {
    put(i * step, values[0][pixel[first]]);
    put(i * step + plane, values[1][pixel[1]]);
    put(i * step + 2 * plane, values[2][pixel[last]]);
  }
}

}  // namespace

Result<InputLayout> picture_layout(const engine::TensorInfo& tensor) {
  const engine::Shape& shape = tensor.shape;
  const auto is_channels = [](std::int64_t size) { return size == 1 || size == 3; };
  const bool rank4 = shape.size() == 4;
  if (!rank4 || (!is_channels(shape[3]) && !is_channels(shape[1])))
    return Error{Code::kUnsupported,
                 fmt::format("input \"{}\" ({} {}) does not take a picture", tensor.name,
                             engine::to_string(tensor.type), engine::to_string(shape))}
        .with_hint(
            "pictures go into inputs of shape 1 x height x width x 3 or 1 x 3 x height x width");
  InputLayout layout;
  // A side of 3 pixels is less likely than three colours, one of 1 pixel less likely than grey.
  layout.channels_first = !is_channels(shape[3]) || (shape[1] == 3 && shape[3] == 1);
  layout.batch = shape[0];
  layout.channels = static_cast<int>(layout.channels_first ? shape[1] : shape[3]);
  layout.height = layout.channels_first ? shape[2] : shape[1];
  layout.width = layout.channels_first ? shape[3] : shape[2];
  return layout;
}

Result<InputSize> input_size(const engine::TensorInfo& tensor, const InputLayout& layout) {
  const std::int64_t width = layout.width < 0 ? kOpenSide : layout.width;
  const std::int64_t height = layout.height < 0 ? kOpenSide : layout.height;
  if (width < 1 || height < 1 || width > kMostInputSide || height > kMostInputSide)
    return Error{Code::kUnsupported, fmt::format("input \"{}\" wants pictures of {} x {} pixels",
                                                 tensor.name, width, height)}
        .with_hint(
            fmt::format("pictures are made for inputs of up to {} pixels a side", kMostInputSide));
  return InputSize{static_cast<int>(width), static_cast<int>(height)};
}

Result<SampleTable> sample_table(const engine::TensorInfo& tensor,
                                 const model::Preprocess& preprocess) {
  SampleTable table;
  table.element_size = engine::bits_of(tensor.type) / 8;
  for (float std : preprocess.std)
    if (!(std::abs(std) > 0) || !std::isfinite(std))
      return Error{Code::kInvalid, fmt::format("std is {} in the model's preprocessing", std)}
          .with_hint("give three numbers other than 0");
  if (const auto integer = integer_of(tensor.type)) {
    const auto& scales = tensor.quantisation.scales;
    const bool quantised =
        !scales.empty() && std::all_of(scales.begin(), scales.end(), [](float scale) {
          return scale > 0 && std::isfinite(scale);
        });
    if (quantised) {
      fill_integers(tensor, preprocess, *integer, table);
    } else {
      fill_plain(*integer, table);
    }
  } else if (tensor.type == DType::kFloat32 || tensor.type == DType::kFloat16 ||
             tensor.type == DType::kBFloat16) {
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t v = 0; v < 256; ++v)
        table.bits[c][v] = float_bits(
            (static_cast<float>(v) - preprocess.mean[c]) / preprocess.std[c], tensor.type);
  } else {
    return Error{Code::kUnsupported,
                 fmt::format("input \"{}\" is of type {}, which pictures are not written as",
                             tensor.name, engine::to_string(tensor.type))}
        .with_hint("export the model with a uint8, int8 or float32 input");
  }
  table.copies = table.element_size == 1;
  for (std::size_t c = 0; c < 3 && table.copies; ++c)
    for (std::uint32_t v = 0; v < 256 && table.copies; ++v) table.copies = table.bits[c][v] == v;
  return table;
}

void write_samples(const Image& image, const InputLayout& layout, model::Colour colour,
                   const SampleTable& table, std::span<std::byte> to) {
  if (table.copies && layout.channels == 3 && !layout.channels_first &&
      colour == model::Colour::kRgb) {
    std::memcpy(to.data(), image.rgb.data(), std::min(to.size(), image.rgb.size()));
    return;
  }
  switch (table.element_size) {
    case 1:
      return write_as<std::uint8_t>(image, layout, colour, table, to.data());
    case 2:
      return write_as<std::uint16_t>(image, layout, colour, table, to.data());
    default:
      return write_as<std::uint32_t>(image, layout, colour, table, to.data());
  }
}

}  // namespace anynpu::vision
