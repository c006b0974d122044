// SPDX-License-Identifier: Apache-2.0
// The node of a `rocket` device, asked directly: whose it is, and whether it has memory to give.
// Numbers after the kernel's drm/drm.h and drm/rocket_accel.h (both MIT).
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace anynpu::engine::teflon {

inline constexpr std::uint32_t kDrmVersion = 0xc0406400;
inline constexpr std::uint32_t kDrmGemClose = 0x40086409;
inline constexpr std::uint32_t kRocketCreateBo = 0xc0186440;
inline constexpr std::uint32_t kRocketSubmit = 0x40186441;
inline constexpr std::uint32_t kRocketPrepBo = 0x40106442;
inline constexpr std::uint32_t kRocketFiniBo = 0x40086443;
inline constexpr unsigned kFirstRocketRequest = 0x40, kLastRocketRequest = 0x43;

struct DrmVersion {
  std::int32_t major, minor, patch;
  std::uint64_t name_length;
  char* name;
  std::uint64_t date_length;
  char* date;
  std::uint64_t description_length;
  char* description;
};
struct DrmGemClose {
  std::uint32_t handle, padding;
};
struct RocketCreateBo {
  std::uint32_t size, handle;
  std::uint64_t dma_address, offset;
};

/// The driver's own word for itself, before anything else is asked: the vendor driver has the same
/// request numbers for other things.
Result<std::string> driver_of(int fd, const std::string& node);

/// Opens the node, makes sure that it is `rocket`'s and that it can allocate a buffer.
Result<> check_node(const std::string& node);

/// "SUBMIT"
std::string request_name(std::uint32_t request);

}  // namespace anynpu::engine::teflon
