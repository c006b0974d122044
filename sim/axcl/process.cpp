// SPDX-License-Identifier: Apache-2.0
// The process's side of the simulated card.
#include "sim/axcl/process.h"

#include <fmt/format.h>
#include <sys/mman.h>

namespace anynpu::sim::axcl {
namespace {

constexpr std::size_t kPage = 4096;

}  // namespace

void* DeviceMemory::allocate(std::size_t bytes) {
  const std::size_t reserved = (bytes + kPage - 1) / kPage * kPage;
  void* address =
      ::mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) return nullptr;
  blocks_[reinterpret_cast<std::uintptr_t>(address)] = {reserved, std::vector<std::byte>(bytes)};
  return address;
}

bool DeviceMemory::release(void* address) {
  auto found = blocks_.find(reinterpret_cast<std::uintptr_t>(address));
  if (found == blocks_.end()) return false;
  ::munmap(address, found->second.reserved);
  blocks_.erase(found);
  return true;
}

std::byte* DeviceMemory::at(const void* address, std::size_t bytes) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  auto found = blocks_.upper_bound(at);
  if (found == blocks_.begin()) return nullptr;
  --found;
  const std::size_t offset = at - found->first;
  std::vector<std::byte>& block = found->second.bytes;
  if (offset > block.size() || bytes > block.size() - offset) return nullptr;
  return block.data() + offset;
}

void DeviceMemory::clear() {
  while (!blocks_.empty()) release(reinterpret_cast<void*>(blocks_.begin()->first));
}

void Process::reset() {
  contexts.clear();
  default_context = nullptr;
  memory.clear();
  models.clear();
  engine = false;
  device = -1;
  const LockedCard card;
  card.leave();
}

Process& process() {
  static auto& all = *new Process;
  return all;
}

void*& thread_context() {
  thread_local void* context = nullptr;
  return context;
}

Status ready() {
  Process& p = process();
  if (p.inits == 0) return host_error(kDevice, kFailed);
  if (thread_context() == nullptr || p.contexts.count(thread_context()) == 0)
    return host_error(kContext, 0x84);
  const LockedCard card;
  if (User* self = card.self(); self != nullptr && self->doomed != 0) crash();
  if (card.dead()) {
    host_log(fmt::format("device {} is dead", bus()));
    return host_error(kDevice, kUnexpected);
  }
  return 0;
}

std::size_t bytes_of(const Tensor& tensor, std::size_t group) {
  return engine::TensorInfo{tensor.name, tensor.type, tensor.shapes[group]}.byte_size();
}

}  // namespace anynpu::sim::axcl
