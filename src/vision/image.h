// SPDX-License-Identifier: Apache-2.0
// Image: 8-bit RGB pixels, rows without padding; Region: a part of one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace anynpu::vision {

/// An allocator whose memory is not cleared first, for what is written as a whole anyway.
template <typename T>
struct Uncleared : std::allocator<T> {
  template <typename U>
  struct rebind {  // NOLINT(readability-identifier-naming): std::allocator_traits names it
    using other = Uncleared<U>;
  };
  template <typename U, typename... Arguments>
  void construct(U* at, Arguments&&... arguments) {
    if constexpr (sizeof...(Arguments) == 0)
      ::new (static_cast<void*>(at)) U;
    else
      ::new (static_cast<void*>(at)) U(std::forward<Arguments>(arguments)...);
  }
};
using Pixels = std::vector<std::uint8_t, Uncleared<std::uint8_t>>;

struct Image {
  int width = 0;
  int height = 0;
  Pixels rgb = {};  // height x width x 3

  const std::uint8_t* row(int y) const { return rgb.data() + row_offset(y); }
  std::uint8_t* row(int y) { return rgb.data() + row_offset(y); }
  bool empty() const { return rgb.empty(); }

 private:
  std::size_t row_offset(int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width) * 3;
  }
};

/// For whoever writes every pixel.
inline Image uncleared_image(int width, int height) {
  Image image;
  image.width = width;
  image.height = height;
  image.rgb.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  return image;
}
/// Black pixels.
inline Image make_image(int width, int height) {
  Image image = uncleared_image(width, height);
  std::fill(image.rgb.begin(), image.rgb.end(), std::uint8_t{0});
  return image;
}

/// A part of an image, in pixels or fractions of it. Edges may fall inside a pixel.
struct Region {
  double x = 0, y = 0, width = 0, height = 0;
};

}  // namespace anynpu::vision
