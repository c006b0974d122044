// SPDX-License-Identifier: Apache-2.0
// A file in memory, read only and shared with every other process that maps it: ten workers with
// one model hold its weights once.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <utility>

#include "base/result.h"

namespace anynpu::engine {

class FileMapping {
 public:
  /// Regular files of 1 to `most_bytes` bytes.
  static Result<FileMapping> open(const std::filesystem::path& path, std::size_t most_bytes);
  FileMapping(FileMapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  FileMapping& operator=(FileMapping&&) = delete;
  ~FileMapping();

  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }

 private:
  FileMapping(void* data, std::size_t size) : data_(data), size_(size) {}
  void* data_;
  std::size_t size_;
};

}  // namespace anynpu::engine
