// SPDX-License-Identifier: Apache-2.0
// What the amdxdna driver answers to GET_INFO and GET_ARRAY (Linux 6.14 to 7.2): own declarations
// of the layouts in its UAPI header.
#pragma once

#include <cstdint>

namespace anynpu::npu::xdna {

/// Parameters of GET_INFO.
enum Info : std::uint32_t {
  kAieMetadata = 1,
  kClocks = 3,
  kSensors = 4,
  kHwContexts = 5,
  kFirmwareVersion = 8,
  kPowerMode = 9,
  kResources = 12,
};
/// Parameters of GET_ARRAY, which 6.14 does not have.
enum Array : std::uint32_t { kAllHwContexts = 0 };

struct TileMetadata {
  std::uint16_t rows, first_row, dma_channels, locks, event_registers;
  std::uint16_t padding[3];
};

struct AieMetadata {
  std::uint32_t column_bytes;
  std::uint16_t columns, rows;
  std::uint32_t major, minor;
  TileMetadata core, memory, shim;
};

struct Clock {
  char name[16];
  std::uint32_t mhz;
  std::uint32_t padding;
};

struct Clocks {
  Clock mp_npu, h;
};

/// `type` 0 is power, in milliwatts whatever `units` says; 1 is a column's utilisation.
struct Sensor {
  char label[64];
  std::uint32_t input, max, average, highest;
  char status[64];
  char units[16];
  std::int8_t unit_exponent;
  std::uint8_t type;
  std::uint8_t padding[6];
};

struct FirmwareVersion {
  std::uint32_t major, minor, patch, build;
};

struct PowerMode {
  std::uint8_t mode;  // 0 default, 1 low, 2 medium, 3 high, 4 turbo
  std::uint8_t padding[7];
};

struct Resources {
  std::uint64_t max_clock, max_tops, max_tasks, tops, tasks;
};

/// Of GET_INFO; the beginning of GET_ARRAY's longer entries differs in the fourth field only.
struct HwContext {
  std::uint32_t context_id, first_column, columns, padding;
  std::int64_t pid;
  std::uint64_t submissions, completions, migrations, preemptions, errors;
};

}  // namespace anynpu::npu::xdna
