// SPDX-License-Identifier: Apache-2.0
// The calls of Linux's rocket driver: structures of include/uapi/drm/rocket_accel.h and drm.h, as
// they lie in memory on 64-bit machines. The numbers clash with those of Rockchip's vendor driver,
// so programs have to ask for the driver's name first.
#pragma once

#include <cstdint>

namespace anynpu::sim::rocket::abi {

inline constexpr std::uint32_t kVersion = 0xc0406400;
inline constexpr std::uint32_t kGemClose = 0x40086409;
inline constexpr std::uint32_t kCreateBo = 0xc0186440;
inline constexpr std::uint32_t kSubmit = 0x40186441;
inline constexpr std::uint32_t kPrepBo = 0x40106442;
inline constexpr std::uint32_t kFiniBo = 0x40086443;

struct Version {
  std::int32_t major, minor, patch;
  std::uint64_t name_length;
  char* name;
  std::uint64_t date_length;
  char* date;
  std::uint64_t description_length;
  char* description;
};
static_assert(sizeof(Version) == 64);

struct GemClose {
  std::uint32_t handle, pad;
};
static_assert(sizeof(GemClose) == 8);

struct CreateBo {
  std::uint32_t size;         // in
  std::uint32_t handle;       // out
  std::uint64_t dma_address;  // out: the device's address
  std::uint64_t offset;       // out: for mmap
};
static_assert(sizeof(CreateBo) == 24);

struct PrepBo {
  std::uint32_t handle, reserved;
  std::int64_t timeout_ns;  // CLOCK_MONOTONIC
};
static_assert(sizeof(PrepBo) == 16);

struct FiniBo {
  std::uint32_t handle, reserved;
};
static_assert(sizeof(FiniBo) == 8);

struct Submit {
  std::uint64_t jobs;
  std::uint32_t job_count, job_struct_size;
  std::uint64_t reserved;
};
static_assert(sizeof(Submit) == 24);

struct Job {
  std::uint64_t tasks;
  std::uint64_t in_handles, out_handles;
  std::uint32_t task_count, task_struct_size;
  std::uint32_t in_handle_count, out_handle_count;
};
static_assert(sizeof(Job) == 40);

struct Task {
  std::uint32_t regcmd;        // the device's address
  std::uint32_t regcmd_count;  // of 64-bit words
};
static_assert(sizeof(Task) == 8);

}  // namespace anynpu::sim::rocket::abi
