// SPDX-License-Identifier: Apache-2.0
// WebP through libwebp, reduced while it is decoded. Animations are refused: they are many
// pictures.
#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <webp/decode.h>

#include "vision/bytes.h"
#include "vision/codecs.h"

namespace anynpu::vision {
namespace {

constexpr int kLossless = 2;  // WebPBitstreamFeatures::format

Error failure(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      return cut_short("WebP");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return Error{Code::kUnsupported, "this kind of WebP is not read"}.with_hint(
          "save it as an ordinary WebP");
    case VP8_STATUS_OUT_OF_MEMORY:
      return Error{Code::kTooLarge, "there is no memory for the WebP"};
    default:
      return broken("WebP", fmt::format("libwebp's status is {}", static_cast<int>(status)));
  }
}

}  // namespace

Result<Decoded> decode_webp(std::span<const std::byte> encoded, const DecodeOptions& options) {
  // RIFF: the whole file's length after the first eight bytes.
  if (std::uint64_t{*Bytes(encoded).u32(4)} + 8 > encoded.size()) return cut_short("WebP");
  const auto* data = reinterpret_cast<const std::uint8_t*>(encoded.data());
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0)
    return Error{Code::kInternal, "libwebp has another version than its headers"};
  const WebPBitstreamFeatures& features = config.input;
  if (const VP8StatusCode status = WebPGetFeatures(data, encoded.size(), &config.input);
      status != VP8_STATUS_OK)
    return failure(status);
  if (features.has_animation != 0)
    return Error{Code::kUnsupported, "animated WebP is not read"}.with_hint(
        "save one of its frames as a picture");
  ANYNPU_CHECK(check_size("WebP", features.width, features.height, features.format == kLossless,
                          options.limits));

  const Orientation orientation = orientation_of_webp(encoded);
  const Wanted wanted = wanted_size(features.width, features.height, orientation, options);
  const int columns = reduction(features.width, wanted.width);
  const int rows = reduction(features.height, wanted.height);
  Image image =
      make_image((features.width + columns - 1) / columns, (features.height + rows - 1) / rows);
  if (columns > 1 || rows > 1) {
    config.options.use_scaling = 1;
    config.options.scaled_width = image.width;
    config.options.scaled_height = image.height;
  }
  const bool alpha = features.has_alpha != 0;
  std::vector<std::uint8_t> rgba(alpha ? image.rgb.size() / 3 * 4 : 0);
  config.output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = alpha ? rgba.data() : image.rgb.data();
  config.output.u.RGBA.stride = image.width * (alpha ? 4 : 3);
  config.output.u.RGBA.size = alpha ? rgba.size() : image.rgb.size();
  const VP8StatusCode status = WebPDecode(data, encoded.size(), &config);
  WebPFreeDecBuffer(&config.output);
  if (status != VP8_STATUS_OK) return failure(status);
  for (std::size_t in = 0, out = 0; in < rgba.size(); in += 4, out += 3)
    for (std::size_t c = 0; c < 3; ++c) image.rgb[out + c] = over_white(rgba[in + c], rgba[in + 3]);
  const Region part = {0, 0, static_cast<double>(image.width), static_cast<double>(image.height)};
  return finish(std::move(image), part, features.width, features.height, orientation);
}

}  // namespace anynpu::vision
