// SPDX-License-Identifier: Apache-2.0
// Pictures from any bytes: decoded at their own size and for a small model, then resized.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "vision/decode.h"
#include "vision/resize.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using anynpu::vision::decode;
  using anynpu::vision::DecodeLimits;
  using anynpu::vision::resize;
  const auto encoded = std::as_bytes(std::span(data, size));
  // Smaller limits than the real ones, so that time goes into parsing and not into huge pictures.
  const DecodeLimits limits = {.most_pixels = 1'000'000, .most_buffered_pixels = 250'000};
  const auto whole = decode(encoded, {.limits = limits});
  if (whole && whole->image.rgb.size() != static_cast<std::size_t>(whole->width) *
                                              static_cast<std::size_t>(whole->height) * 3)
    std::abort();
  const auto reduced = decode(
      encoded, {.target_width = 8, .target_height = 5, .inside = size % 2 == 0, .limits = limits});
  if (whole.has_value() != reduced.has_value()) std::abort();
  if (reduced) {
    if (reduced->width != whole->width || reduced->height != whole->height) std::abort();
    if (resize(reduced->image, reduced->part, 8, 5).rgb.size() != 8 * 5 * 3) std::abort();
  }
  return 0;
}
