// SPDX-License-Identifier: Apache-2.0
// EXIF orientation: how a camera was held, read from JPEG, PNG and WebP and applied to pixels.
#pragma once

#include <cstddef>
#include <span>

#include "vision/image.h"

namespace anynpu::vision {

/// 1 (upright) to 8, as tag 0x0112 of EXIF 2.3 counts them.
using Orientation = int;

/// From a TIFF structure, with or without "Exif\0\0" before it. 1 when there is none or it is
/// broken: a picture is not refused for its metadata.
Orientation orientation_of_exif(std::span<const std::byte> exif);

/// From the eXIf chunk of a PNG, or the EXIF chunk of a WebP. For JPEG see jpeg_header.h.
Orientation orientation_of_png(std::span<const std::byte> png);
Orientation orientation_of_webp(std::span<const std::byte> webp);

/// Whether width and height change places.
constexpr bool swaps_sides(Orientation orientation) {
  return orientation >= 5;
}

/// The image as a viewer shows it. `part` is turned along.
Image upright(Image image, Orientation orientation, Region& part);

}  // namespace anynpu::vision
