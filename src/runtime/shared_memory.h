// SPDX-License-Identifier: Apache-2.0
// SharedMemory: anonymous memory that a server and its worker both see. Its size is sealed, so that
// a worker gone wrong cannot shrink it under the server's feet.
#pragma once

#include <cstddef>
#include <span>

#include "base/fd.h"
#include "base/result.h"

namespace anynpu::runtime {

class SharedMemory {
 public:
  SharedMemory() = default;
  SharedMemory(SharedMemory&& other) noexcept { *this = std::move(other); }
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  ~SharedMemory();

  /// At least `bytes`, rounded up to whole pages, all zero.
  static Result<SharedMemory> create(std::size_t bytes);
  /// Maps what the other side created; its real size must be `bytes`.
  static Result<SharedMemory> attach(Fd fd, std::size_t bytes);

  std::span<std::byte> bytes() const { return {data_, size_}; }
  std::size_t size() const { return size_; }
  /// Another descriptor of the same memory, to be sent away.
  Result<Fd> duplicate() const;

 private:
  Result<> map();

  Fd fd_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace anynpu::runtime
