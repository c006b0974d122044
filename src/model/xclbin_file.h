// SPDX-License-Identifier: Apache-2.0
// What an .xclbin says of itself: sections, kernels, and the columns of the NPU that it needs.
//
// The container is that of XRT (xclbin.h, Apache-2.0): a header of 496 bytes with "xclbin2", the
// number of sections at 448, then 40 bytes for each section. Offsets are checked; nothing of a
// section but its tables is read.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace anynpu::model {

struct XclbinSection {
  std::uint32_t kind = 0;
  std::string title;  // "AIE_PARTITION"; "kind 99" for one that is not known
  std::string name;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// The AIE_PARTITION section. On Phoenix, contexts of different widths exclude each other.
struct AiePartition {
  std::string name;
  unsigned column_width = 0;
  std::vector<unsigned> start_columns;
  std::uint32_t operations_per_cycle = 0;
  std::uint32_t pdis = 0;
};

struct XclbinFile {
  std::string uuid;  // "0f2c...-...", of this xclbin
  std::string platform;
  unsigned version_major = 0, version_minor = 0, version_patch = 0;
  std::uint64_t built = 0;  // seconds since 1970; 0 when it does not say
  std::vector<XclbinSection> sections;
  std::vector<std::string> kernels;  // names of IP_LAYOUT: "MLIR_AIE:MLIRAIE"
  std::optional<AiePartition> partition;
};

/// At most 4,096 sections, 1,024 kernels and 1,024 start columns are listed.
Result<XclbinFile> read_xclbin(std::span<const std::byte> all, const std::string& name);

}  // namespace anynpu::model
