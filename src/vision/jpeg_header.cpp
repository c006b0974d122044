// SPDX-License-Identifier: Apache-2.0
// Markers of a JPEG (ITU-T T.81 annex B; Adobe's APP14 in ITU-T T.872 6.5.3), up to the first scan.
#include "vision/jpeg_header.h"

#include <cstring>

#include <fmt/format.h>

#include "vision/bytes.h"
#include "vision/codecs.h"

namespace anynpu::vision {
namespace {

using namespace std::string_view_literals;

constexpr std::uint32_t kEnd = 0xD9, kScan = 0xDA, kApp1 = 0xE1, kApp14 = 0xEE;

bool is_frame(std::uint32_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}
// Markers without a length: TEM, RST0 to RST7, SOI.
bool stands_alone(std::uint32_t marker) {
  return marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8);
}

Result<> read_frame(const Bytes& bytes, std::uint32_t marker, std::size_t at, JpegHeader& header) {
  if (header.components != 0) return broken("JPEG", "it has two frames");
  if (!bytes.has(at, 6)) return cut_short("JPEG");
  const std::uint32_t precision = *bytes.u8(at);
  // 0 baseline, 1 extended, 2 progressive; Huffman, then from 8 on arithmetic coding.
  const std::uint32_t process = marker & 7;
  if (process > 2)
    return Error{Code::kUnsupported,
                 fmt::format("lossless and hierarchical JPEG (frame 0x{:02X}) is not read", marker)}
        .with_hint("save it as an ordinary JPEG");
  if (precision != 8)
    return Error{Code::kUnsupported,
                 fmt::format("JPEG with {} bits per sample is not read", precision)}
        .with_hint("save it with 8 bits per sample");
  header.height = static_cast<int>(*bytes.u16(at + 1));
  header.width = static_cast<int>(*bytes.u16(at + 3));
  header.components = static_cast<int>(*bytes.u8(at + 5));
  header.buffered = process == 2;
  if (header.components != 1 && header.components != 3 && header.components != 4)
    return Error{Code::kUnsupported,
                 fmt::format("JPEG with {} components is not read", header.components)}
        .with_hint("save it in RGB or grey");
  return {};
}

}  // namespace

Result<JpegHeader> read_jpeg_header(std::span<const std::byte> jpeg) {
  const Bytes bytes(jpeg, true);
  JpegHeader header;
  bool has_exif = false;
  std::size_t at = 2;
  while (true) {
    if (!bytes.has(at, 2)) return cut_short("JPEG");
    if (*bytes.u8(at) != 0xFF) {  // stray bytes between markers, which decoders skip too
      ++at;
      continue;
    }
    const std::uint32_t marker = *bytes.u8(at + 1);
    if (marker == 0xFF) {
      ++at;
      continue;
    }
    if (marker == kEnd) return broken("JPEG", "it ends before its first scan");
    if (marker == 0 || stands_alone(marker)) {
      at += 2;
      continue;
    }
    const auto length = bytes.u16(at + 2);
    if (!length) return cut_short("JPEG");
    if (*length < 2) return broken("JPEG", "a segment has no length");
    if (!bytes.has(at + 2, *length)) return cut_short("JPEG");
    const std::size_t body = at + 4;
    if (is_frame(marker)) {
      ANYNPU_CHECK(read_frame(bytes, marker, body, header));
    } else if (marker == kApp1 && !has_exif && bytes.has_text(body, "Exif\0\0"sv)) {
      has_exif = true;
      header.orientation = orientation_of_exif(bytes.part(body, *length - 2));
    } else if (marker == kApp14 && *length >= 14 && bytes.has_text(body, "Adobe")) {
      header.adobe = true;
    } else if (marker == kScan) {
      if (header.components == 0) return broken("JPEG", "it has no frame");
      const auto in_scan = bytes.u8(body);
      if (static_cast<int>(in_scan.value_or(0)) < header.components) header.buffered = true;
      header.first_scan = at;
      return header;
    }
    at += 2 + *length;
  }
}

int count_scans(std::span<const std::byte> jpeg, std::size_t first_scan) {
  int scans = 0;
  // In coded data 0xFF is always followed by 0 or a restart marker, so 0xFF 0xDA is a marker.
  for (std::size_t at = first_scan; at + 1 < jpeg.size(); ++at) {
    const void* found = std::memchr(&jpeg[at], 0xFF, jpeg.size() - 1 - at);
    if (found == nullptr) break;
    at = static_cast<std::size_t>(static_cast<const std::byte*>(found) - jpeg.data());
    if (jpeg[at + 1] == std::byte{kScan}) ++scans;
  }
  return scans;
}

bool has_end(std::span<const std::byte> jpeg, std::size_t first_scan) {
  for (std::size_t at = jpeg.size(); at >= first_scan + 2; --at)
    if (jpeg[at - 2] == std::byte{0xFF} && jpeg[at - 1] == std::byte{kEnd}) return true;
  return false;
}

}  // namespace anynpu::vision
