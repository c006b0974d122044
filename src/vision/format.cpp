// SPDX-License-Identifier: Apache-2.0
// Magic bytes of the formats that are read, and of those that are refused by name.
#include "vision/format.h"

#include <algorithm>
#include <array>

namespace anynpu::vision {
namespace {

using namespace std::string_view_literals;

struct Magic {
  Format format;
  std::size_t offset;
  std::string_view bytes;
};

constexpr std::array kMagic = {
    Magic{Format::kJpeg, 0, "\xff\xd8\xff"sv},
    Magic{Format::kPng, 0, "\x89PNG\r\n\x1a\n"sv},
    Magic{Format::kWebp, 8, "WEBP"sv},
    Magic{Format::kBmp, 0, "BM"sv},
    Magic{Format::kGif, 0, "GIF87a"sv},
    Magic{Format::kGif, 0, "GIF89a"sv},
    Magic{Format::kTiff, 0, "II*\0"sv},
    Magic{Format::kTiff, 0, "MM\0*"sv},
    Magic{Format::kAvif, 4, "ftypavif"sv},
    Magic{Format::kAvif, 4, "ftypavis"sv},
    Magic{Format::kHeic, 4, "ftyphei"sv},
    Magic{Format::kHeic, 4, "ftyphev"sv},
    Magic{Format::kHeic, 4, "ftypmif1"sv},
    Magic{Format::kHeic, 4, "ftypmsf1"sv},
    Magic{Format::kJxl, 0, "\xff\x0a"sv},
    Magic{Format::kJxl, 0, "\0\0\0\x0cJXL "sv},
    Magic{Format::kJpeg2000, 0, "\0\0\0\x0cjP  "sv},
    Magic{Format::kJpeg2000, 0, "\xff\x4f\xff\x51"sv},
    Magic{Format::kPdf, 0, "%PDF-"sv},
    Magic{Format::kSvg, 0, "<svg"sv},
    Magic{Format::kSvg, 0, "<?xml"sv},
};

}  // namespace

std::string_view to_string(Format format) {
  switch (format) {
    case Format::kJpeg:
      return "JPEG";
    case Format::kPng:
      return "PNG";
    case Format::kWebp:
      return "WebP";
    case Format::kBmp:
      return "BMP";
    case Format::kGif:
      return "GIF";
    case Format::kTiff:
      return "TIFF";
    case Format::kAvif:
      return "AVIF";
    case Format::kHeic:
      return "HEIC";
    case Format::kJxl:
      return "JPEG XL";
    case Format::kJpeg2000:
      return "JPEG 2000";
    case Format::kPdf:
      return "PDF";
    case Format::kSvg:
      return "SVG";
    case Format::kUnknown:
      break;
  }
  return "unknown";
}

Format format_of(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const Magic& magic : kMagic) {
    if (magic.offset > text.size() || !text.substr(magic.offset).starts_with(magic.bytes)) continue;
    if (magic.format == Format::kWebp && !text.starts_with("RIFF")) continue;
    return magic.format;
  }
  return Format::kUnknown;
}

}  // namespace anynpu::vision
