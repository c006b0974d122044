// SPDX-License-Identifier: Apache-2.0
// decode(): tells the format, checks what all formats share, hands over to the format's decoder.
#include "vision/decode.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "vision/codecs.h"
#include "vision/format.h"

namespace anynpu::vision {
namespace {

constexpr std::string_view kConvertHint = "convert it to JPEG, PNG, WebP or BMP";

}  // namespace

Error cut_short(std::string_view format) {
  return Error{Code::kInvalid, fmt::format("the {} is cut short", format)}.with_hint(
      "the file was not copied or sent whole; send it again");
}

Error broken(std::string_view format, std::string_view detail) {
  return Error{Code::kInvalid, fmt::format("the {} is broken: {}", format, printable(detail))}
      .with_hint("open it in an image viewer and save it again");
}

Result<> check_size(std::string_view format, std::int64_t width, std::int64_t height, bool buffered,
                    const DecodeLimits& limits) {
  if (width <= 0 || height <= 0)
    return broken(format, fmt::format("its size is {} x {}", width, height));
  const std::string size = fmt::format("the {} is {} x {} pixels", format, width, height);
  const auto too_large = [](std::string message) {
    return Error{Code::kTooLarge, std::move(message)}.with_hint("make the picture smaller");
  };
  if (width > limits.most_side || height > limits.most_side)
    return too_large(fmt::format("{}; the limit is {} a side", size, limits.most_side));
  const auto megapixels = [](std::int64_t pixels) { return static_cast<double>(pixels) / 1e6; };
  if (width * height > limits.most_pixels)
    return too_large(
        fmt::format("{}; the limit is {:g} megapixels", size, megapixels(limits.most_pixels)));
  if (buffered && width * height > limits.most_buffered_pixels)
    return too_large(
        fmt::format("{}; the limit is {:g} megapixels for progressive, interlaced and lossless "
                    "pictures, which have to be held whole",
                    size, megapixels(limits.most_buffered_pixels)));
  return {};
}

Wanted wanted_size(int stored_width, int stored_height, Orientation orientation,
                   const DecodeOptions& options) {
  if (options.target_width <= 0 || options.target_height <= 0) return {};
  Wanted wanted{options.target_width, options.target_height};
  if (swaps_sides(orientation)) std::swap(wanted.width, wanted.height);
  if (options.inside) {
    const double scale = std::min(static_cast<double>(wanted.width) / stored_width,
                                  static_cast<double>(wanted.height) / stored_height);
    wanted.width = std::max(1, static_cast<int>(std::ceil(stored_width * scale)));
    wanted.height = std::max(1, static_cast<int>(std::ceil(stored_height * scale)));
  }
  return wanted;
}

int reduction(int size, int wanted) {
  if (wanted <= 0) return 1;
  return static_cast<int>(std::clamp<std::int64_t>(size / (std::int64_t{2} * wanted), 1, 256));
}

Decoded finish(Image image, Region part, int stored_width, int stored_height,
               Orientation orientation) {
  Decoded decoded;
  decoded.part = part;
  decoded.image = upright(std::move(image), orientation, decoded.part);
  decoded.width = swaps_sides(orientation) ? stored_height : stored_width;
  decoded.height = swaps_sides(orientation) ? stored_width : stored_height;
  return decoded;
}

Result<Decoded> decode(std::span<const std::byte> encoded, const DecodeOptions& options) {
  if (encoded.empty()) return Error{Code::kInvalid, "there is no picture: it has 0 bytes"};
  if (encoded.size() > options.limits.most_bytes)
    return Error{Code::kTooLarge,
                 fmt::format("the picture is {}; the limit is {}", human_bytes(encoded.size()),
                             human_bytes(options.limits.most_bytes))}
        .with_hint("make the picture smaller");
  const Format format = format_of(encoded);
  switch (format) {
    case Format::kJpeg:
      return decode_jpeg(encoded, options);
    case Format::kPng:
      return decode_png(encoded, options);
    case Format::kWebp:
      return decode_webp(encoded, options);
    case Format::kBmp:
      return decode_bmp(encoded, options);
    case Format::kUnknown:
      return Error{Code::kUnsupported, "this is not a picture in a format that is read"}.with_hint(
          "JPEG, PNG, WebP and BMP are read");
    default:
      return Error{Code::kUnsupported, fmt::format("{} pictures are not read", to_string(format))}
          .with_hint(std::string(kConvertHint));
  }
}

}  // namespace anynpu::vision
