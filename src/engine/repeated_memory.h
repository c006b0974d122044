// SPDX-License-Identifier: Apache-2.0
// RepeatedMemory: one block that appears several times in a row, at no cost: the same pages, mapped
// again and again. Who reads all copies reads one from memory and the others from the caches.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

namespace anynpu::engine {

class RepeatedMemory {
 public:
  /// `times` blocks of `bytes`; nothing where `bytes` are no whole pages, or the system has no
  /// memfd_create(2).
  static std::optional<RepeatedMemory> create(std::size_t bytes, std::size_t times);
  RepeatedMemory(RepeatedMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_), times_(other.times_) {}
  RepeatedMemory& operator=(RepeatedMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(times_, other.times_);
    return *this;
  }
  ~RepeatedMemory();

  /// What is written to any of the blocks is in all.
  std::byte* data() { return static_cast<std::byte*>(data_); }
  std::size_t bytes() const { return bytes_; }
  std::size_t times() const { return times_; }

 private:
  RepeatedMemory(void* data, std::size_t bytes, std::size_t times)
      : data_(data), bytes_(bytes), times_(times) {}
  void* data_;
  std::size_t bytes_, times_;
};

}  // namespace anynpu::engine
