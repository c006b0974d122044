// SPDX-License-Identifier: Apache-2.0
// Buffers: first fit, and the lowest free handle, so that long runs do not use up either.
#include "sim/rocket/buffers.h"

namespace anynpu::sim::rocket {

std::optional<std::uint32_t> Buffers::create(std::uint32_t size) {
  if (size == 0 || size > kSpan) return std::nullopt;
  size = (size + kPage - 1) / kPage * kPage;
  std::uint32_t address = kPage;
  for (auto [begin, length] : size_by_address_) {
    if (begin - address >= size) break;
    address = begin + length;
  }
  if (address > kSpan || size > kSpan - address) return std::nullopt;
  std::uint32_t handle = 1;
  for (const auto& [used, buffer] : by_handle_) {
    if (used != handle) break;
    ++handle;
  }
  by_handle_[handle] = {address, size, 0};
  size_by_address_[address] = size;
  return handle;
}

Buffer* Buffers::find(std::uint32_t handle) {
  auto found = by_handle_.find(handle);
  return found != by_handle_.end() ? &found->second : nullptr;
}

void Buffers::release(std::uint32_t handle) {
  auto found = by_handle_.find(handle);
  if (found == by_handle_.end()) return;
  size_by_address_.erase(found->second.address);
  by_handle_.erase(found);
}

bool Buffers::contains(std::uint32_t address, std::uint64_t size) const {
  auto after = size_by_address_.upper_bound(address);
  if (after == size_by_address_.begin()) return false;
  auto [begin, length] = *std::prev(after);
  return address - begin <= length && size <= length - (address - begin);
}

std::uint32_t Buffers::end() const {
  if (size_by_address_.empty()) return 0;
  auto [begin, length] = *size_by_address_.rbegin();
  return begin + length;
}

}  // namespace anynpu::sim::rocket
