// SPDX-License-Identifier: Apache-2.0
// EXIF orientation. Layouts: EXIF 2.3 (CIPA DC-008) 4.5 and 4.6; PNG extensions 1.5 (eXIf); the
// WebP container specification (EXIF).
#include "vision/exif.h"

#include <algorithm>
#include <utility>

#include "vision/bytes.h"

namespace anynpu::vision {
namespace {

constexpr std::uint32_t kOrientationTag = 0x0112;
constexpr std::uint32_t kShort = 3;
constexpr std::uint32_t kLong = 4;
constexpr std::size_t kEntrySize = 12;

// What each orientation does: the pixel (x, y) that is seen comes from column (transposed ? y : x)
// and row (transposed ? x : y), each counted from the far end when flipped.
struct Turn {
  bool transposed, flip_column, flip_row;
};

constexpr Turn turn_of(Orientation orientation) {
  switch (orientation) {
    case 2:
      return {false, true, false};
    case 3:
      return {false, true, true};
    case 4:
      return {false, false, true};
    case 5:
      return {true, false, false};
    case 6:
      return {true, false, true};
    case 7:
      return {true, true, true};
    case 8:
      return {true, true, false};
    default:
      return {false, false, false};
  }
}

// Chunks of a RIFF or PNG file, looked through until `wanted` is found or the file ends.
constexpr std::size_t kMostChunks = 4096;

}  // namespace

Orientation orientation_of_exif(std::span<const std::byte> exif) {
  using namespace std::string_view_literals;
  if (Bytes(exif).has_text(0, "Exif\0\0"sv)) exif = exif.subspan(6);
  const bool big_endian = Bytes(exif).has_text(0, "MM\0*"sv);
  if (!big_endian && !Bytes(exif).has_text(0, "II*\0"sv)) return 1;
  const Bytes tiff(exif, big_endian);
  const std::size_t directory = tiff.u32(4).value_or(0);
  const std::uint32_t entries = tiff.u16(directory).value_or(0);
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * kEntrySize;
    if (!tiff.has(entry, kEntrySize)) return 1;
    if (tiff.u16(entry) != kOrientationTag) continue;
    const auto type = tiff.u16(entry + 2);
    if (tiff.u32(entry + 4) != 1U || (type != kShort && type != kLong)) return 1;
    const std::uint32_t value = *(type == kShort ? tiff.u16(entry + 8) : tiff.u32(entry + 8));
    return value >= 1 && value <= 8 ? static_cast<Orientation>(value) : 1;
  }
  return 1;
}

Orientation orientation_of_png(std::span<const std::byte> png) {
  const Bytes bytes(png, true);
  std::size_t at = 8;
  for (std::size_t i = 0; i < kMostChunks && bytes.has(at, 12); ++i) {
    const std::size_t length = *bytes.u32(at);
    if (!bytes.has(at + 12, length)) break;
    if (bytes.has_text(at + 4, "eXIf")) return orientation_of_exif(bytes.part(at + 8, length));
    at += 12 + length;
  }
  return 1;
}

Orientation orientation_of_webp(std::span<const std::byte> webp) {
  const Bytes bytes(webp);
  std::size_t at = 12;
  for (std::size_t i = 0; i < kMostChunks && bytes.has(at, 8); ++i) {
    const std::size_t length = *bytes.u32(at + 4);
    if (!bytes.has(at + 8, length)) break;
    if (bytes.has_text(at, "EXIF")) return orientation_of_exif(bytes.part(at + 8, length));
    at += 8 + length + length % 2;
  }
  return 1;
}

Image upright(Image image, Orientation orientation, Region& part) {
  if (orientation <= 1 || image.empty()) return image;
  const Turn turn = turn_of(orientation);
  if (turn.flip_column) part.x = image.width - part.x - part.width;
  if (turn.flip_row) part.y = image.height - part.y - part.height;
  if (turn.transposed) {
    std::swap(part.x, part.y);
    std::swap(part.width, part.height);
  }
  Image seen = turn.transposed ? make_image(image.height, image.width)
                               : make_image(image.width, image.height);
  // Offsets into the source for one step to the right and one step down in what is seen.
  const std::ptrdiff_t column = turn.flip_column ? -3 : 3;
  const std::ptrdiff_t row = (turn.flip_row ? -3 : 3) * static_cast<std::ptrdiff_t>(image.width);
  const std::ptrdiff_t right = turn.transposed ? row : column;
  const std::ptrdiff_t down = turn.transposed ? column : row;
  const std::uint8_t* corner = image.row(turn.flip_row ? image.height - 1 : 0) +
                               (turn.flip_column ? 3 * (image.width - 1) : 0);
  for (int y = 0; y < seen.height; ++y) {
    std::uint8_t* out = seen.row(y);
    for (int x = 0; x < seen.width; ++x, out += 3) {
      const std::uint8_t* in = corner + y * down + x * right;
      out[0] = in[0];
      out[1] = in[1];
      out[2] = in[2];
    }
  }
  return seen;
}

}  // namespace anynpu::vision
