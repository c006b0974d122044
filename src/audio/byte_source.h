// SPDX-License-Identifier: Apache-2.0
// ByteSource: where the bytes of an audio file come from: memory, a file, or an upload under way.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"

namespace anynpu::audio {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills `into` with the bytes from `offset` on and returns how many there were; fewer than asked
  /// for only at the end. Waits for bytes that are still to come.
  virtual std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) = 0;
  /// The number of bytes, when it is known already.
  virtual std::optional<std::uint64_t> size() const = 0;
  /// The number of bytes; waits until all have come.
  virtual std::uint64_t wait_for_size() = 0;
  /// Of a file that holds all bytes once they have come; -1 when there is none.
  virtual int descriptor() const { return -1; }
};

/// ByteSource::read_at of a file's bytes; an error of the disk counts as the end.
std::size_t read_file_at(int file, std::uint64_t offset, std::span<std::byte> into);

/// Bytes that outlive the source.
std::unique_ptr<ByteSource> memory_source(std::span<const std::byte> bytes);
/// A regular file.
Result<std::unique_ptr<ByteSource>> file_source(const std::filesystem::path& path);

/// Bytes that one thread appends while another decodes them. All are kept.
class ArrivingBytes : public ByteSource {
 public:
  explicit ArrivingBytes(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  /// kTooLarge over the limit; the bytes are dropped and the reader sees the end.
  Result<> append(std::span<const std::byte> bytes);
  /// No more will come.
  void end();

  std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) override;
  std::optional<std::uint64_t> size() const override;
  std::uint64_t wait_for_size() override;

 private:
  const std::size_t most_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::byte> bytes_;
  bool ended_ = false;
};

}  // namespace anynpu::audio
