// SPDX-License-Identifier: Apache-2.0
// MappedFile: the bytes of a file without a copy of them in memory.
#include "model/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fd.h"

namespace anynpu::model {

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) return system_error(path.string());
  if (S_ISDIR(info.st_mode))
    return Error{Code::kInvalid, path.string() + ": is a folder, not a file"};
  if (!S_ISREG(info.st_mode))
    return Error{Code::kInvalid, path.string() + ": is not a regular file"};
  if (info.st_size == 0) return MappedFile(std::span<const std::byte>());
  auto size = static_cast<std::size_t>(info.st_size);
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (mapped == MAP_FAILED) return system_error("cannot map " + path.string());
  return MappedFile({static_cast<const std::byte*>(mapped), size});
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace anynpu::model
