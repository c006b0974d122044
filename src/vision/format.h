// SPDX-License-Identifier: Apache-2.0
// Which picture format some bytes are, told from the bytes alone.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace anynpu::vision {

enum class Format {
  kUnknown,
  kJpeg,
  kPng,
  kWebp,
  kBmp,
  kGif,
  kTiff,
  kAvif,
  kHeic,
  kJxl,
  kJpeg2000,
  kPdf,
  kSvg
};

/// "JPEG", "HEIC", ...; "unknown" for kUnknown.
std::string_view to_string(Format format);

Format format_of(std::span<const std::byte> bytes);

}  // namespace anynpu::vision
