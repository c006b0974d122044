// SPDX-License-Identifier: Apache-2.0
// Maps a file with its kind and size checked.
#include "engine/file_mapping.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/text.h"

namespace anynpu::engine {

Result<FileMapping> FileMapping::open(const std::filesystem::path& path, std::size_t most_bytes) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return system_error(path.string());
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return system_error(path.string());
  if (!S_ISREG(info.st_mode))
    return Error{Code::kInvalid, path.string() + ": is not a regular file"};
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size == 0) return Error{Code::kInvalid, path.string() + ": is empty"};
  if (size > most_bytes)
    return Error{Code::kTooLarge, fmt::format("{}: {} are over the limit of {}", path.string(),
                                              human_bytes(size), human_bytes(most_bytes))};
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) return system_error(path.string());
  return FileMapping(data, size);
}

FileMapping::~FileMapping() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace anynpu::engine
