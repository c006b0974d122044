// SPDX-License-Identifier: Apache-2.0
// What a JPEG says of itself before its first scan.
#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"
#include "vision/exif.h"

namespace anynpu::vision {

struct JpegHeader {
  int width = 0;  // as stored, before the orientation is applied
  int height = 0;
  int components = 0;     // 1 grey, 3 colour, 4 inks
  bool buffered = false;  // progressive or in several scans: decoders hold all its coefficients
  bool adobe = false;     // has Adobe's marker: inks are stored inverted
  Orientation orientation = 1;
  std::size_t first_scan = 0;  // offset of the first SOS marker
};

/// Code::kUnsupported: a kind of JPEG that is not read (lossless, hierarchical, 12 bits).
Result<JpegHeader> read_jpeg_header(std::span<const std::byte> jpeg);

/// SOS markers from `first_scan` on.
int count_scans(std::span<const std::byte> jpeg, std::size_t first_scan);
/// Whether the end marker is there.
bool has_end(std::span<const std::byte> jpeg, std::size_t first_scan);

}  // namespace anynpu::vision
