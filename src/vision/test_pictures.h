// SPDX-License-Identifier: Apache-2.0
// Pictures for tests, made on the spot in every format that is read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <png.h>
#include <turbojpeg.h>
#include <webp/encode.h>

#include "vision/decode.h"
#include "vision/image.h"

namespace anynpu::vision::test {

using Encoded = std::vector<std::byte>;

/// The decoded bytes, red first; none after a failure of the test.
inline Pixels pixels_of(const Encoded& encoded) {
  const auto decoded = decode(encoded);
  EXPECT_TRUE(decoded) << decoded.error().message;
  return decoded ? decoded->image.rgb : Pixels();
}

/// Smooth, with different corners, so that a turned or mirrored copy differs.
inline Image gradient(int width, int height) {
  Image image = make_image(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      std::uint8_t* pixel = image.row(y) + 3 * x;
      pixel[0] = static_cast<std::uint8_t>(x * 255 / width);
      pixel[1] = static_cast<std::uint8_t>(y * 255 / height);
      pixel[2] = static_cast<std::uint8_t>((x + y) * 127 / (width + height));
    }
  return image;
}

inline void append(Encoded& to, std::uint64_t value, int count, bool big_endian = false) {
  for (int i = 0; i < count; ++i)
    to.push_back(static_cast<std::byte>(value >> 8 * (big_endian ? count - 1 - i : i)));
}
inline void append(Encoded& to, std::string_view text) {
  for (char letter : text) to.push_back(static_cast<std::byte>(letter));
}
inline void append(Encoded& to, const Encoded& bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}
inline void put(Encoded& to, std::size_t at, std::uint64_t value, int count,
                bool big_endian = false) {
  Encoded bytes;
  append(bytes, value, count, big_endian);
  for (std::size_t i = 0; i < bytes.size(); ++i) to.at(at + i) = bytes[i];
}

/// A TIFF structure with a harmless entry and the orientation.
inline Encoded exif(int orientation, bool big_endian) {
  Encoded tiff;
  append(tiff, big_endian ? std::string_view("MM\0*", 4) : std::string_view("II*\0", 4));
  append(tiff, 8, 4, big_endian);
  append(tiff, 2, 2, big_endian);
  for (int tag : {0x0100, 0x0112}) {
    append(tiff, static_cast<std::uint64_t>(tag), 2, big_endian);
    append(tiff, 3, 2, big_endian);
    append(tiff, 1, 4, big_endian);
    append(tiff, static_cast<std::uint64_t>(tag == 0x0112 ? orientation : 99), 2, big_endian);
    append(tiff, 0, 2, big_endian);
  }
  append(tiff, 0, 4, big_endian);
  return tiff;
}

inline Encoded jpeg_pixels(const std::uint8_t* pixels, int width, int height, int format,
                           int subsampling, int flags) {
  tjhandle handle = tjInitCompress();
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  const int failed =
      tjCompress2(handle, pixels, width, 0, height, format, &bytes, &size, subsampling, 95, flags);
  Encoded encoded;
  if (failed == 0)
    encoded.assign(reinterpret_cast<std::byte*>(bytes), reinterpret_cast<std::byte*>(bytes) + size);
  tjFree(bytes);
  tjDestroy(handle);
  return encoded;
}
inline Encoded jpeg(const Image& image, int subsampling = TJSAMP_444, int flags = 0) {
  return jpeg_pixels(image.rgb.data(), image.width, image.height, TJPF_RGB, subsampling, flags);
}
inline Encoded jpeg_with_exif(const Image& image, int orientation, bool big_endian) {
  const Encoded plain = jpeg(image);
  Encoded body;
  append(body, std::string_view("Exif\0\0", 6));
  append(body, exif(orientation, big_endian));
  Encoded turned(plain.begin(), plain.begin() + 2);
  append(turned, 0xFFE1, 2, true);
  append(turned, body.size() + 2, 2, true);
  append(turned, body);
  turned.insert(turned.end(), plain.begin() + 2, plain.end());
  return turned;
}

struct PngOptions {
  int colour_type = PNG_COLOR_TYPE_RGB;
  int depth = 8;
  bool interlaced = false;
  std::vector<png_color> palette = {};
  std::vector<std::uint8_t> palette_alpha = {};
};
/// `rows`: as libpng wants them, all rows one behind the other.
inline Encoded png(int width, int height, std::vector<std::uint8_t> rows,
                   const PngOptions& options = {}) {
  png_structp writer = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(writer);
  Encoded encoded;
  png_set_write_fn(
      writer, &encoded,
      [](png_structp from, png_bytep bytes, std::size_t count) {
        auto* to = static_cast<Encoded*>(png_get_io_ptr(from));
        to->insert(to->end(), reinterpret_cast<std::byte*>(bytes),
                   reinterpret_cast<std::byte*>(bytes) + count);
      },
      [](png_structp) {});
  png_set_IHDR(writer, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height),
               options.depth, options.colour_type,
               options.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!options.palette.empty())
    png_set_PLTE(writer, info, options.palette.data(), static_cast<int>(options.palette.size()));
  if (!options.palette_alpha.empty())
    png_set_tRNS(writer, info, options.palette_alpha.data(),
                 static_cast<int>(options.palette_alpha.size()), nullptr);
  std::vector<png_bytep> pointers;
  for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y)
    pointers.push_back(rows.data() + y * (rows.size() / static_cast<std::size_t>(height)));
  png_set_rows(writer, info, pointers.data());
  png_write_png(writer, info, PNG_TRANSFORM_IDENTITY, nullptr);
  png_destroy_write_struct(&writer, &info);
  return encoded;
}
inline Encoded png(const Image& image, const PngOptions& options = {}) {
  return png(image.width, image.height, {image.rgb.begin(), image.rgb.end()}, options);
}

inline std::uint32_t png_crc(const Encoded& bytes, std::size_t at, std::size_t count) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (std::size_t i = at; i < at + count; ++i) {
    crc ^= std::to_integer<std::uint32_t>(bytes[i]);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}
/// Puts a chunk behind IHDR.
inline Encoded png_with_chunk(const Encoded& plain, std::string_view name, const Encoded& body) {
  Encoded chunk;
  append(chunk, body.size(), 4, true);
  append(chunk, name);
  append(chunk, body);
  append(chunk, png_crc(chunk, 4, body.size() + 4), 4, true);
  Encoded whole = plain;
  whole.insert(whole.begin() + 33, chunk.begin(), chunk.end());
  return whole;
}

/// `rgba`: width x height x 4, or empty for the image's own colours.
inline Encoded webp(const Image& image, bool lossless, const std::vector<std::uint8_t>& rgba = {}) {
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  const int width = image.width;
  const int height = image.height;
  if (rgba.empty()) {
    size = lossless ? WebPEncodeLosslessRGB(image.rgb.data(), width, height, width * 3, &bytes)
                    : WebPEncodeRGB(image.rgb.data(), width, height, width * 3, 95, &bytes);
  } else {
    size = lossless ? WebPEncodeLosslessRGBA(rgba.data(), width, height, width * 4, &bytes)
                    : WebPEncodeRGBA(rgba.data(), width, height, width * 4, 95, &bytes);
  }
  Encoded encoded(reinterpret_cast<std::byte*>(bytes), reinterpret_cast<std::byte*>(bytes) + size);
  WebPFree(bytes);
  return encoded;
}
/// The extended header, with flags of the container specification (0x08 EXIF, 0x02 animation).
inline Encoded webp_extended(int width, int height, int flags, const Encoded& chunks) {
  Encoded encoded;
  append(encoded, "RIFF");
  append(encoded, 22 + chunks.size(), 4);
  append(encoded, "WEBPVP8X");
  append(encoded, 10, 4);
  append(encoded, static_cast<std::uint64_t>(flags), 4);
  append(encoded, static_cast<std::uint64_t>(width - 1), 3);
  append(encoded, static_cast<std::uint64_t>(height - 1), 3);
  append(encoded, chunks);
  return encoded;
}
inline Encoded webp_with_exif(const Image& image, int orientation) {
  const Encoded plain = webp(image, true);
  Encoded chunks(plain.begin() + 12, plain.end());
  const Encoded metadata = exif(orientation, false);
  append(chunks, "EXIF");
  append(chunks, metadata.size(), 4);
  append(chunks, metadata);
  return webp_extended(image.width, image.height, 0x08, chunks);
}

struct BmpOptions {
  std::uint32_t bits = 24;
  std::uint32_t compression = 0;
  bool top_down = false;
  bool core = false;  // the header of OS/2 1.x
  std::vector<std::array<std::uint8_t, 3>> palette = {};
  std::vector<std::uint32_t> masks = {};
};
/// `rows`: as stored, padded to 4 bytes each.
inline Encoded bmp(int width, int height, const std::vector<std::uint8_t>& rows,
                   const BmpOptions& options = {}) {
  const std::size_t header = options.core ? 12 : 40;
  const std::size_t offset =
      14 + header + options.masks.size() * 4 + options.palette.size() * (options.core ? 3 : 4);
  Encoded encoded;
  append(encoded, "BM");
  append(encoded, offset + rows.size(), 4);
  append(encoded, 0, 4);
  append(encoded, offset, 4);
  append(encoded, header, 4);
  const int side = options.core ? 2 : 4;
  append(encoded, static_cast<std::uint64_t>(width), side);
  append(encoded, static_cast<std::uint64_t>(options.top_down ? -height : height), side);
  append(encoded, 1, 2);
  append(encoded, options.bits, 2);
  if (!options.core) {
    append(encoded, options.compression, 4);
    append(encoded, rows.size(), 4);
    append(encoded, 0, 8);
    append(encoded, options.palette.size(), 4);
    append(encoded, 0, 4);
  }
  for (std::uint32_t mask : options.masks) append(encoded, mask, 4);
  for (const auto& [red, green, blue] : options.palette) {
    append(encoded, blue, 1);
    append(encoded, green, 1);
    append(encoded, red, 1);
    if (!options.core) append(encoded, 0, 1);
  }
  for (std::uint8_t byte : rows) encoded.push_back(static_cast<std::byte>(byte));
  return encoded;
}
/// 24 bits, bottom up.
inline Encoded bmp(const Image& image) {
  std::vector<std::uint8_t> rows;
  for (int y = image.height - 1; y >= 0; --y) {
    for (int x = 0; x < image.width; ++x)
      for (int c = 2; c >= 0; --c) rows.push_back(image.row(y)[3 * x + c]);
    while (rows.size() % 4 != 0) rows.push_back(0);
  }
  return bmp(image.width, image.height, rows);
}

/// The largest difference of two images of one size, in levels; 256 when the sizes differ.
inline int furthest(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height || a.rgb.size() != b.rgb.size()) return 256;
  int most = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i)
    most = std::max(most, std::abs(a.rgb[i] - b.rgb[i]));
  return most;
}

}  // namespace anynpu::vision::test
