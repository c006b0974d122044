// SPDX-License-Identifier: Apache-2.0
// The ioctls of the vendor kernel's rknpu driver as anynpu declares them for itself: numbers and
// layouts of 64-bit machines. The driver comes in two builds: DRM nodes ('d'), or /dev/rknpu ('r').
#pragma once

#include <cstdint>

namespace anynpu::sim::rknpu {

/// Type and number decide; the size in a request depends on the version of who asks.
enum DrmNumber : unsigned {
  kVersion = 0x00,
  kGetUnique = 0x01,
  kGemFlink = 0x0a,
  kPrimeHandleToFd = 0x2d,
  kAction = 0x40,
  kSubmit = 0x41,
  kMemCreate = 0x42,
  kMemMap = 0x43,
  kMemDestroy = 0x44,
  kMemSync = 0x45,
};
/// Of /dev/rknpu, under the magic 'r'.
enum MiscNumber : unsigned {
  kMiscAction = 0,
  kMiscSubmit = 1,
  kMiscMemCreate = 2,
  kMiscMemDestroy = 4,
  kMiscMemSync = 5,
};

/// _IOWR(magic, number, size)
constexpr std::uint32_t request(char magic, unsigned number, unsigned size) {
  return 0xc0000000U | size << 16U | static_cast<unsigned>(magic) << 8U | number;
}

enum ActionNumber : std::uint32_t {
  kGetHardwareVersion = 0,
  kGetDriverVersion = 1,
  kGetFrequency = 2,
  kReset = 6,
  kGetIommu = 18,
  kSetNice = 19,
  kPowerOn = 20,
  kPowerOff = 21,
  kGetTotalSram = 22,
  kGetFreeSram = 23,
};

struct DrmVersion {
  std::int32_t major, minor, patch;
  std::uint64_t name_length, name, date_length, date, description_length, description;
};

struct DrmUnique {
  std::uint64_t length, text;
};

struct DrmFlink {
  std::uint32_t handle, name;
};

struct DrmPrime {
  std::uint32_t handle, flags;
  std::int32_t fd;
};

struct Action {
  std::uint32_t number, value;
};

/// 32 bytes with runtime 1.3, 40 from 1.4 to 1.6, 48 as driver 0.9.8 declares it.
struct MemCreate {
  std::uint32_t handle, flags;
  std::uint64_t size, object, dma, sram;
  std::int32_t domain;
  std::uint32_t core_mask;
};

struct MemMap {
  std::uint32_t handle, reserved;
  std::uint64_t offset;
};

struct MemDestroy {
  std::uint32_t handle, reserved;
  std::uint64_t object;
};

struct MemSync {
  std::uint32_t flags, reserved;
  std::uint64_t object, offset, size;
};

struct Submit {
  std::uint32_t flags, timeout_ms, task_start, task_number, task_counter;
  std::int32_t priority;
  std::uint64_t task_object;
  std::uint32_t domain, reserved;
  std::uint64_t task_base;
  std::int64_t elapsed;
  std::uint32_t core_mask;
  std::int32_t fence;
  struct {
    std::uint32_t start, number;
  } subcore[5];
};

struct Task {
  std::uint32_t flags, op_index, enable_mask, int_mask, int_clear, int_status, regcfg_amount,
      regcfg_offset;
  std::uint64_t regcmd;
};

}  // namespace anynpu::sim::rknpu
