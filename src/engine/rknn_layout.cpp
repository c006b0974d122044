// SPDX-License-Identifier: Apache-2.0
// Moves tensors between the declared layout and the NPU's own.
#include "engine/rknn_layout.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace anynpu::engine::rknn {
namespace {

constexpr std::size_t kMostElements = std::size_t{1} << 30;

/// A tensor as the NPU sees it. Two dimensions are a picture of one point.
struct Picture {
  std::size_t n = 1, h = 1, w = 1, c = 1;
  bool channels_last = true;

  std::size_t elements() const { return n * h * w * c; }
};

std::optional<Picture> picture_of(const TensorAttr& declared) {
  const std::uint32_t* d = declared.dims;
  if (declared.n_dims == 4 && declared.fmt == kNhwc) return Picture{d[0], d[1], d[2], d[3], true};
  if (declared.n_dims == 4 && declared.fmt == kNchw) return Picture{d[0], d[2], d[3], d[1], false};
  if (declared.n_dims == 2) return Picture{d[0], 1, 1, d[1], true};
  return std::nullopt;
}

std::size_t product(const TensorAttr& attr) {
  std::size_t elements = 1;
  for (std::uint32_t i = 0; i < std::min<std::uint32_t>(attr.n_dims, kMostDims); ++i) {
    if (attr.dims[i] == 0 || elements > kMostElements / attr.dims[i]) return 0;
    elements *= attr.dims[i];
  }
  return elements;
}

std::size_t row_of(const TensorAttr& native, const Picture& picture) {
  return native.w_stride != 0 ? native.w_stride : picture.w;
}

/// Calls move(offset in the declared form, offset in the native form, bytes) for runs of bytes that
/// stay together.
template <typename Move>
void for_each_run(const TensorAttr& declared, const TensorAttr& native, const Move& move) {
  const std::size_t size = element_bytes(declared.type);
  if (same_layout(declared, native)) return move(0, 0, product(declared) * size);
  const Picture p = *picture_of(declared);
  auto declared_at = [&](std::size_t n, std::size_t h, std::size_t w, std::size_t c) {
    return size * (p.channels_last ? ((n * p.h + h) * p.w + w) * p.c + c
                                   : ((n * p.c + c) * p.h + h) * p.w + w);
  };
  const bool blocks = native.fmt == kNc1hwc2;
  const std::size_t c2 = blocks ? native.dims[4] : p.c;
  const std::size_t c1 = blocks ? native.dims[1] : 1;
  const std::size_t row = blocks ? p.w : row_of(native, p);
  const std::size_t run = p.channels_last ? c2 : 1;  // channels that lie side by side in both
  for (std::size_t n = 0; n < p.n; ++n)
    for (std::size_t block = 0; block < c1; ++block)
      for (std::size_t h = 0; h < p.h; ++h) {
        const std::size_t native_row = ((n * c1 + block) * p.h + h) * row;
        if (p.channels_last && c2 == p.c) {
          move(declared_at(n, h, 0, 0), native_row * c2 * size, p.w * p.c * size);
          continue;
        }
        for (std::size_t w = 0; w < p.w; ++w)
          for (std::size_t c = 0; c < c2 && block * c2 + c < p.c; c += run)
            move(declared_at(n, h, w, block * c2 + c), ((native_row + w) * c2 + c) * size,
                 std::min(run, p.c - block * c2 - c) * size);
      }
}

}  // namespace

std::size_t element_bytes(Type type) {
  return bits_of(dtype_of(type)) / 8;
}

DType dtype_of(Type type) {
  switch (type) {
    case kFloat32:
      return DType::kFloat32;
    case kFloat16:
      return DType::kFloat16;
    case kInt8:
      return DType::kInt8;
    case kUint8:
      return DType::kUint8;
    case kInt16:
      return DType::kInt16;
    case kUint16:
      return DType::kUint16;
    case kInt32:
      return DType::kInt32;
    case kUint32:
      return DType::kUint32;
    case kInt64:
      return DType::kInt64;
    case kBool:
      return DType::kBool;
    case kBFloat16:
      return DType::kBFloat16;
    default:
      return DType::kUnknown;  // kInt4, and whatever comes later
  }
}

bool same_layout(const TensorAttr& declared, const TensorAttr& native) {
  if (native.fmt == kNc1hwc2) return false;
  const auto picture = picture_of(declared);
  if (native.fmt == kNhwc && picture && declared.n_dims == 4)
    return (picture->channels_last || picture->c == 1) && row_of(native, *picture) == picture->w;
  return declared.fmt == native.fmt || product(declared) == product(native);
}

bool can_move(const TensorAttr& declared, const TensorAttr& native) {
  for (const TensorAttr* attr : {&declared, &native})
    if (attr->n_dims == 0 || attr->n_dims > kMostDims) return false;
  const std::size_t elements = product(declared);
  const std::size_t size = element_bytes(declared.type);
  if (elements == 0 || size == 0 || native.type != declared.type) return false;
  const std::size_t room = native_bytes(native);
  const auto picture = picture_of(declared);
  switch (native.fmt) {
    case kNc1hwc2: {
      if (!picture || native.n_dims != 5 || product(native) == 0) return false;
      const std::uint32_t* d = native.dims;
      return d[0] == picture->n && d[2] == picture->h && d[3] == picture->w &&
             std::size_t{d[1]} * d[4] >= picture->c && room >= product(native) * size;
    }
    case kNhwc: {
      if (!picture || declared.n_dims != 4 || native.n_dims != 4) return false;
      const std::uint32_t* d = native.dims;
      const bool same =
          d[0] == picture->n && d[1] == picture->h && d[2] == picture->w && d[3] == picture->c;
      const std::size_t row = row_of(native, *picture);
      return same && row >= picture->w && row <= kMostElements / elements * picture->w &&
             room >= picture->n * picture->h * row * picture->c * size;
    }
    default:  // the declared order, byte by byte
      return product(native) == elements && native.w_stride <= native.dims[native.n_dims - 1] &&
             room >= elements * size && (native.fmt == declared.fmt || native.fmt == kUndefined);
  }
}

std::size_t native_bytes(const TensorAttr& native) {
  return std::max(native.size, native.size_with_stride);
}

void to_native(const TensorAttr& declared, const TensorAttr& native,
               std::span<const std::byte> from, std::span<std::byte> to) {
  for_each_run(declared, native, [&](std::size_t in, std::size_t out, std::size_t bytes) {
    std::memcpy(to.data() + out, from.data() + in, bytes);
  });
}

void from_native(const TensorAttr& declared, const TensorAttr& native,
                 std::span<const std::byte> from, std::span<std::byte> to) {
  for_each_run(declared, native, [&](std::size_t out, std::size_t in, std::size_t bytes) {
    std::memcpy(to.data() + out, from.data() + in, bytes);
  });
}

}  // namespace anynpu::engine::rknn
