// SPDX-License-Identifier: Apache-2.0
// BMP, read by hand: 1, 4, 8, 16, 24 and 32 bits per pixel, palettes, bit fields, either row order.
//
// Layout: a file header of 14 bytes, a bitmap header whose first word is its own size (12 for OS/2
// 1.x, 40 to 124 for Windows), masks or a palette, and rows padded to 4 bytes. (Microsoft, "Bitmap
// Structures".) Run-length coding is refused: hardly any program writes it. Alpha is ignored,
// because most programs that write 32 bits leave it 0.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "vision/bytes.h"
#include "vision/codecs.h"
#include "vision/reduce.h"

namespace anynpu::vision {
namespace {

constexpr std::size_t kFileHeader = 14;
constexpr std::uint32_t kCoreHeader = 12, kInfoHeader = 40, kMostHeader = 124;
constexpr std::uint32_t kPlain = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3, kAlphaBitFields = 6;

// One colour within a pixel's bits.
struct Field {
  std::uint32_t mask = 0;
  int shift = 0;
  std::uint32_t most = 0;  // the mask, shifted down

  std::uint8_t value(std::uint32_t pixel) const {
    if (most == 0) return 0;
    const std::uint64_t raw = (pixel & mask) >> shift;
    return static_cast<std::uint8_t>((raw * 255 + most / 2) / most);
  }
};

struct Bmp {
  int width = 0;
  int height = 0;
  bool top_down = false;
  std::uint32_t bits = 0;
  std::array<Field, 3> fields = {};                           // red, green, blue of 16 and 32 bits
  std::array<std::array<std::uint8_t, 3>, 256> palette = {};  // missing entries are black
  std::size_t pixels = 0;                                     // offset of the first stored row
  std::size_t stride = 0;
};

Result<Field> field_of(std::uint32_t mask) {
  Field field;
  if (mask == 0) return field;
  field.mask = mask;
  field.shift = std::countr_zero(mask);
  field.most = mask >> field.shift;
  if ((field.most & (field.most + 1)) != 0)
    return broken("BMP", fmt::format("the colour mask 0x{:08x} has gaps", mask));
  return field;
}

Result<> read_fields(const Bytes& bytes, bool stored, Bmp& bmp) {
  std::array<std::uint32_t, 3> masks = {0xFF0000, 0xFF00, 0xFF};
  if (bmp.bits == 16) masks = {0x7C00, 0x3E0, 0x1F};
  if (stored) {
    // Right after the 40 bytes that all Windows headers share, inside or behind the header.
    for (std::size_t i = 0; i < 3; ++i) {
      const auto mask = bytes.u32(kFileHeader + kInfoHeader + 4 * i);
      if (!mask) return cut_short("BMP");
      masks[i] = *mask;
    }
  }
  for (std::size_t i = 0; i < 3; ++i) {
    ANYNPU_TRY(field, field_of(masks[i]));
    bmp.fields[i] = field;
  }
  return {};
}

Result<> read_palette(const Bytes& bytes, std::size_t at, std::size_t entry_size,
                      std::uint32_t used, Bmp& bmp) {
  const std::uint32_t most = 1U << bmp.bits;
  const std::uint32_t count = used == 0 ? most : std::min(used, most);
  if (!bytes.has(at, count * entry_size)) return cut_short("BMP");
  for (std::uint32_t i = 0; i < count; ++i)
    for (std::size_t c = 0; c < 3; ++c)
      bmp.palette[i][2 - c] = static_cast<std::uint8_t>(*bytes.u8(at + i * entry_size + c));
  return {};
}

Result<Bmp> read_header(const Bytes& bytes, const DecodeLimits& limits) {
  if (!bytes.has(0, kFileHeader + 4)) return cut_short("BMP");
  const std::uint32_t header = *bytes.u32(kFileHeader);
  const bool core = header == kCoreHeader;
  if (!core && (header < kInfoHeader || header > kMostHeader))
    return broken("BMP", fmt::format("its header has {} bytes", header));
  if (!bytes.has(kFileHeader, header)) return cut_short("BMP");
  Bmp bmp;
  const std::size_t at = kFileHeader + 4;
  std::int64_t width = 0, height = 0;
  std::uint32_t compression = kPlain, colours = 0;
  if (core) {
    width = *bytes.u16(at);
    height = *bytes.u16(at + 2);
    bmp.bits = *bytes.u16(at + 6);
  } else {
    width = static_cast<std::int32_t>(*bytes.u32(at));
    height = static_cast<std::int32_t>(*bytes.u32(at + 4));
    bmp.bits = *bytes.u16(at + 10);
    compression = *bytes.u32(at + 12);
    colours = *bytes.u32(at + 28);
  }
  bmp.top_down = height < 0;
  height = bmp.top_down ? -height : height;
  ANYNPU_CHECK(check_size("BMP", width, height, false, limits));
  bmp.width = static_cast<int>(width);
  bmp.height = static_cast<int>(height);

  const auto unsupported = [](const std::string& what) {
    return Error{Code::kUnsupported, what + " is not read"}.with_hint("save it as PNG");
  };
  if (compression == kRle8 || compression == kRle4)
    return unsupported("BMP with run-length coding");
  const bool fields_stored = compression == kBitFields || compression == kAlphaBitFields;
  const bool direct = bmp.bits == 16 || bmp.bits == 32;
  if (compression != kPlain && !(fields_stored && direct))
    return unsupported(fmt::format("BMP with compression {} at {} bits", compression, bmp.bits));
  std::size_t after_header = kFileHeader + header;
  if (direct) {
    ANYNPU_CHECK(read_fields(bytes, fields_stored, bmp));
  } else if (bmp.bits == 1 || bmp.bits == 4 || bmp.bits == 8) {
    ANYNPU_CHECK(read_palette(bytes, after_header, core ? 3 : 4, colours, bmp));
  } else if (bmp.bits != 24) {
    return unsupported(fmt::format("BMP with {} bits per pixel", bmp.bits));
  }
  bmp.pixels = *bytes.u32(10);
  if (bmp.pixels < after_header) return broken("BMP", "its pixels start inside its header");
  bmp.stride = (static_cast<std::size_t>(bmp.width) * bmp.bits + 31) / 32 * 4;
  if (!bytes.has(bmp.pixels, bmp.stride * static_cast<std::size_t>(bmp.height)))
    return cut_short("BMP");
  return bmp;
}

void indexed_row(const Bmp& bmp, const std::uint8_t* in, std::uint8_t* out) {
  const std::uint32_t per_byte = 8 / bmp.bits;
  const std::uint32_t mask = (1U << bmp.bits) - 1;
  for (std::uint32_t x = 0; x < static_cast<std::uint32_t>(bmp.width); ++x, out += 3) {
    const std::uint32_t shift = (per_byte - 1 - x % per_byte) * bmp.bits;
    std::memcpy(out, bmp.palette[(in[x / per_byte] >> shift) & mask].data(), 3);
  }
}

void fields_row(const Bmp& bmp, const std::uint8_t* in, std::uint8_t* out) {
  const std::size_t size = bmp.bits / 8;
  for (int x = 0; x < bmp.width; ++x, in += size) {
    std::uint32_t pixel = 0;
    for (std::size_t i = 0; i < size; ++i) pixel |= std::uint32_t{in[i]} << (8 * i);
    for (const Field& field : bmp.fields) *out++ = field.value(pixel);
  }
}

// 24 bits, and 32 bits without masks of its own: blue, green, red.
void byte_row(const Bmp& bmp, const std::uint8_t* in, std::uint8_t* out) {
  const std::size_t size = bmp.bits / 8;
  for (int x = 0; x < bmp.width; ++x, in += size, out += 3) {
    out[0] = in[2];
    out[1] = in[1];
    out[2] = in[0];
  }
}

}  // namespace

Result<Decoded> decode_bmp(std::span<const std::byte> encoded, const DecodeOptions& options) {
  ANYNPU_TRY(bmp, read_header(Bytes(encoded), options.limits));
  const Wanted wanted = wanted_size(bmp.width, bmp.height, 1, options);
  Reducer reducer(bmp.width, bmp.height, reduction(bmp.width, wanted.width),
                  reduction(bmp.height, wanted.height));
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(bmp.width) * 3);
  const bool plain_bytes =
      bmp.bits == 24 || (bmp.bits == 32 && bmp.fields[0].mask == 0xFF0000 &&
                         bmp.fields[1].mask == 0xFF00 && bmp.fields[2].mask == 0xFF);
  const auto* pixels = reinterpret_cast<const std::uint8_t*>(encoded.data()) + bmp.pixels;
  for (int y = 0; y < bmp.height; ++y) {
    const int stored = bmp.top_down ? y : bmp.height - 1 - y;
    const std::uint8_t* row = pixels + static_cast<std::size_t>(stored) * bmp.stride;
    if (bmp.bits <= 8) {
      indexed_row(bmp, row, rgb.data());
    } else if (plain_bytes) {
      byte_row(bmp, row, rgb.data());
    } else {
      fields_row(bmp, row, rgb.data());
    }
    reducer.add(rgb.data());
  }
  const Region part = reducer.part();
  return finish(reducer.take(), part, bmp.width, bmp.height, 1);
}

}  // namespace anynpu::vision
