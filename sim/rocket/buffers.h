// SPDX-License-Identifier: Apache-2.0
// Buffers: the buffer objects of one open file. A buffer's device address is its place in that
// file, so no page tables are needed. Address 0 belongs to none.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace anynpu::sim::rocket {

struct Buffer {
  std::uint32_t address = 0;
  std::uint32_t size = 0;       // in whole pages
  std::int64_t busy_until = 0;  // ns of CLOCK_MONOTONIC
  static constexpr std::int64_t kForEver = INT64_MAX;
};

class Buffers {
 public:
  static constexpr std::uint32_t kPage = 4096;
  static constexpr std::uint32_t kSpan = 1U << 30;

  /// The handle of a new buffer in the first gap that is large enough; none when there is no such
  /// gap.
  std::optional<std::uint32_t> create(std::uint32_t size);
  Buffer* find(std::uint32_t handle);
  void release(std::uint32_t handle);
  /// Whether a range is inside of one buffer.
  bool contains(std::uint32_t address, std::uint64_t size) const;
  /// Where the last buffer ends.
  std::uint32_t end() const;
  std::size_t count() const { return by_handle_.size(); }

 private:
  std::map<std::uint32_t, Buffer> by_handle_;
  std::map<std::uint32_t, std::uint32_t> size_by_address_;
};

}  // namespace anynpu::sim::rocket
