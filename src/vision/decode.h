// SPDX-License-Identifier: Apache-2.0
// Pictures from untrusted bytes: JPEG, PNG, WebP and BMP, told apart by their first bytes.
//
// Every limit is checked on the header, before any pixel is allocated. A picture much larger than
// what it is wanted for is reduced while it is decoded, row by row, so memory follows the result
// and not the picture.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "vision/image.h"

namespace anynpu::vision {

struct DecodeLimits {
  std::size_t most_bytes = std::size_t{64} << 20;  // encoded
  std::int64_t most_pixels = 100'000'000;
  /// For pictures that their format forces a decoder to hold whole at their full size, whatever
  /// size is wanted: progressive and multi-scan JPEG (up to 6 bytes per pixel), interlaced PNG and
  /// lossless WebP (4 bytes per pixel).
  std::int64_t most_buffered_pixels = 25'000'000;
  int most_side = 32'767;
};

struct DecodeOptions {
  /// The size for which the picture is wanted, as a viewer sees it (EXIF orientation applied). 0:
  /// its own size, nothing is reduced. The result is never smaller than this, unless the picture
  /// is.
  int target_width = 0;
  int target_height = 0;
  /// The picture will be fitted inside the target, keeping its shape, and need not fill it.
  bool inside = false;
  DecodeLimits limits = {};
};

/// A decoded picture, with its EXIF orientation applied.
struct Decoded {
  Image image;    // the picture, perhaps reduced
  Region part;    // what the picture covers of `image`: a reduced edge pixel may be covered partly
  int width = 0;  // of the picture before it was reduced, as a viewer sees it
  int height = 0;
};

/// Transparent pixels are shown over white, as on a page. 16-bit samples are rounded to 8 bits.
/// Colour profiles are not applied. Code::kUnsupported: another format (which is named) or a
/// variant that is not read; Code::kTooLarge: over a limit; Code::kInvalid: broken or cut short.
Result<Decoded> decode(std::span<const std::byte> encoded, const DecodeOptions& options = {});

}  // namespace anynpu::vision
