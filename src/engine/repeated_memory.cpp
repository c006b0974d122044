// SPDX-License-Identifier: Apache-2.0
// Maps a file in memory several times, side by side.
#include "engine/repeated_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"

namespace anynpu::engine {

std::optional<RepeatedMemory> RepeatedMemory::create(std::size_t bytes, std::size_t times) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  if (bytes == 0 || times == 0 || bytes % page != 0) return std::nullopt;
  const Fd file(::memfd_create("anynpu-repeated", MFD_CLOEXEC));
  if (!file || ::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) return std::nullopt;
  // First the room for all, so that nobody else's memory lies between them.
  void* room =
      ::mmap(nullptr, bytes * times, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return std::nullopt;
  RepeatedMemory memory(room, bytes, times);
  for (std::size_t i = 0; i < times; ++i)
    if (::mmap(memory.data() + i * bytes, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
               file.get(), 0) == MAP_FAILED)
      return std::nullopt;
  return memory;
}

RepeatedMemory::~RepeatedMemory() {
  if (data_ != nullptr) ::munmap(data_, bytes_ * times_);
}

}  // namespace anynpu::engine
