// SPDX-License-Identifier: Apache-2.0
// Buffers of the simulated librknnrt: each is a descriptor, as the DMA buffers of the real one are.
#include <sys/mman.h>
#include <unistd.h>

#include "sim/rknn/context.h"

namespace anynpu::sim {
namespace {

std::atomic<std::uint64_t> next_physical{0x10000};

rk::TensorMem* mapped(int fd, std::uint32_t size, std::int32_t offset, rk::MemFlag flag) {
  void* address = ::mmap(nullptr, size + static_cast<std::size_t>(offset), PROT_READ | PROT_WRITE,
                         MAP_SHARED, fd, 0);
  if (address == MAP_FAILED) return nullptr;
  return new rk::TensorMem{address, next_physical.fetch_add((size + 0xfffU) & ~0xfffU),
                           fd,      offset,
                           size,    static_cast<std::uint32_t>(flag),
                           nullptr};
}

rk::TensorMem* created(rk::Context handle, std::uint64_t size) {
  if (context_of(handle) == nullptr || size == 0 || size > UINT32_MAX) return nullptr;
  const int fd = ::memfd_create("simulated-rknn-buffer", MFD_CLOEXEC);
  if (fd < 0 || ::ftruncate(fd, static_cast<off_t>(size)) != 0) {
    if (fd >= 0) ::close(fd);
    say('E', "failed to convert handle(1) to fd, ret: -1, errno: 24, errstr: Too many open files");
    return nullptr;
  }
  rk::TensorMem* memory = mapped(fd, static_cast<std::uint32_t>(size), 0, rk::kAllocatedInside);
  if (memory == nullptr) ::close(fd);
  return memory;
}

}  // namespace

RKNN_EXPORT rk::TensorMem* rknn_create_mem(rk::Context handle, std::uint32_t size) {
  return created(handle, size);
}

RKNN_EXPORT rk::TensorMem* rknn_create_mem2(rk::Context handle, std::uint64_t size, std::uint64_t) {
  return created(handle, size);
}

RKNN_EXPORT rk::TensorMem* rknn_create_mem_from_fd(rk::Context handle, std::int32_t fd, void*,
                                                   std::uint32_t size, std::int32_t offset) {
  if (context_of(handle) == nullptr || size == 0 || offset < 0) return nullptr;
  return mapped(fd, size, offset, rk::kFromFd);
}

RKNN_EXPORT rk::TensorMem* rknn_create_mem_from_phys(rk::Context handle, std::uint64_t physical,
                                                     void* address, std::uint32_t size) {
  if (context_of(handle) == nullptr || address == nullptr) return nullptr;
  return new rk::TensorMem{address, physical, -1, 0, size, rk::kFromPhysical, nullptr};
}

RKNN_EXPORT int rknn_destroy_mem(rk::Context handle, rk::TensorMem* memory) {
  const auto context = context_of(handle);
  if (context == nullptr) return rk::kContextInvalid;
  if (memory == nullptr) return rk::kParamInvalid;
  auto lets_go = [&](const auto& entry) { return entry.second.memory == memory; };
  std::erase_if(context->bound_inputs, lets_go);
  std::erase_if(context->bound_outputs, lets_go);
  if (memory->flags != rk::kFromPhysical)
    ::munmap(memory->address, memory->size + static_cast<std::size_t>(memory->offset));
  if (memory->flags == rk::kAllocatedInside) ::close(memory->fd);
  delete memory;
  return rk::kSuccess;
}

RKNN_EXPORT int rknn_mem_sync(rk::Context handle, rk::TensorMem* memory, rk::Sync mode) {
  if (context_of(handle) == nullptr) return rk::kContextInvalid;
  const bool known = mode == rk::kToDevice || mode == rk::kFromDevice || mode == rk::kBothWays;
  return memory != nullptr && known ? rk::kSuccess : rk::kParamInvalid;
}

RKNN_EXPORT int rknn_set_weight_mem(rk::Context handle, rk::TensorMem* memory) {
  if (context_of(handle) == nullptr) return rk::kContextInvalid;
  return memory != nullptr ? rk::kSuccess : rk::kParamInvalid;
}

RKNN_EXPORT int rknn_set_internal_mem(rk::Context handle, rk::TensorMem* memory) {
  return rknn_set_weight_mem(handle, memory);
}

}  // namespace anynpu::sim
