// SPDX-License-Identifier: Apache-2.0
// The decoders behind decode(), one per format, and what they share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "vision/decode.h"
#include "vision/exif.h"
#include "vision/image.h"

namespace anynpu::vision {

// Each expects bytes of its format, within limits.most_bytes.
Result<Decoded> decode_jpeg(std::span<const std::byte> encoded, const DecodeOptions& options);
Result<Decoded> decode_png(std::span<const std::byte> encoded, const DecodeOptions& options);
Result<Decoded> decode_webp(std::span<const std::byte> encoded, const DecodeOptions& options);
Result<Decoded> decode_bmp(std::span<const std::byte> encoded, const DecodeOptions& options);

/// "the JPEG is cut short".
Error cut_short(std::string_view format);
/// "the JPEG is broken: DETAIL".
Error broken(std::string_view format, std::string_view detail);

/// The size as stored against the limits. `buffered`: see DecodeLimits.
Result<> check_size(std::string_view format, std::int64_t width, std::int64_t height, bool buffered,
                    const DecodeLimits& limits);

/// Width and height as stored, of which the reduced picture must not be smaller; 0 x 0: do not
/// reduce.
struct Wanted {
  int width = 0;
  int height = 0;
};
Wanted wanted_size(int stored_width, int stored_height, Orientation orientation,
                   const DecodeOptions& options);

/// How many pixels become one when `size` pixels are reduced by whole numbers for `wanted`: twice
/// the wanted size is kept, so that the final resize does the filtering. 1 to 256.
int reduction(int size, int wanted);

/// Turns the image upright and fills in the rest.
Decoded finish(Image image, Region part, int stored_width, int stored_height,
               Orientation orientation);

/// colour * alpha + 255 * (1 - alpha), rounded.
constexpr std::uint8_t over_white(unsigned colour, unsigned alpha) {
  return static_cast<std::uint8_t>((colour * alpha + 255 * (255 - alpha) + 127) / 255);
}

}  // namespace anynpu::vision
