// SPDX-License-Identifier: Apache-2.0
// SharedMemory over memfd_create(2).
#include "runtime/shared_memory.h"

#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace anynpu::runtime {

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  if (this != &other) {
    if (data_ != nullptr) ::munmap(data_, size_);
    fd_ = std::move(other.fd_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

SharedMemory::~SharedMemory() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

Result<SharedMemory> SharedMemory::create(std::size_t bytes) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  SharedMemory memory;
  memory.size_ = (std::max<std::size_t>(bytes, 1) + page - 1) / page * page;
  memory.fd_ = Fd(::memfd_create("anynpu-tensors", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.fd_) return system_error("cannot create shared memory");
  if (::ftruncate(memory.fd_.get(), static_cast<off_t>(memory.size_)) != 0)
    return system_error("cannot size shared memory");
  if (::fcntl(memory.fd_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return system_error("cannot seal shared memory");
  ANYNPU_CHECK(memory.map());
  return memory;
}

Result<SharedMemory> SharedMemory::attach(Fd fd, std::size_t bytes) {
  SharedMemory memory;
  memory.fd_ = std::move(fd);
  struct stat info {};
  if (::fstat(memory.fd_.get(), &info) != 0) return system_error("shared memory");
  if (static_cast<std::size_t>(info.st_size) != bytes)
    return Error{Code::kInternal, "the shared memory is not of the size that was announced"};
  memory.size_ = bytes;
  ANYNPU_CHECK(memory.map());
  return memory;
}

Result<Fd> SharedMemory::duplicate() const {
  Fd copy(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) return system_error("cannot share memory");
  return copy;
}

Result<> SharedMemory::map() {
  void* data = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
  if (data == MAP_FAILED) return system_error("cannot map shared memory");
  data_ = static_cast<std::byte*>(data);
  return {};
}

}  // namespace anynpu::runtime
