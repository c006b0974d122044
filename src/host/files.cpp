// SPDX-License-Identifier: Apache-2.0
// The few system calls behind both kinds of machine.
#include "host/files.h"

#include <algorithm>
#include <array>
#include <climits>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"

namespace anynpu::host {
namespace {

NodeKind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return NodeKind::kFile;
  if (S_ISDIR(mode)) return NodeKind::kFolder;
  if (S_ISCHR(mode)) return NodeKind::kCharacterDevice;
  if (S_ISBLK(mode)) return NodeKind::kBlockDevice;
  if (S_ISFIFO(mode)) return NodeKind::kFifo;
  if (S_ISSOCK(mode)) return NodeKind::kSocket;
  if (S_ISLNK(mode)) return NodeKind::kLink;
  return NodeKind::kOther;
}

Node node_of(const struct stat& info) {
  return {kind_of(info.st_mode), info.st_mode & 07777U, info.st_uid,
          info.st_gid,           major(info.st_rdev),   minor(info.st_rdev)};
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

}  // namespace

Result<std::vector<std::string>> names_in(const std::string& folder, std::size_t most) {
  std::vector<std::string> names;
  std::unique_ptr<DIR, CloseFolder> open(::opendir(folder.c_str()));
  if (!open) return system_error(folder);
  while (names.size() < most) {
    const dirent* entry = ::readdir(open.get());
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::string> bounded_digest(const std::string& path, std::string text) {
  if (text.size() > Machine::kMostText)
    return Error{Code::kTooLarge, path + ": says too much of itself"};
  return text;
}

Result<std::string> digest_of_file(const std::string& path, const Digest& wanted) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return system_error(path);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return system_error(path);
  if (!S_ISREG(info.st_mode)) return Error{Code::kInvalid, path + ": is not a regular file"};
  auto size = static_cast<std::size_t>(info.st_size);
  if (size > Machine::kMostDigested) return Error{Code::kTooLarge, path + ": is too large"};
  if (size == 0) return bounded_digest(path, wanted.make({}, path));
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (memory == MAP_FAILED) return system_error(path);
  std::string text = wanted.make({static_cast<const std::byte*>(memory), size}, path);
  ::munmap(memory, size);
  return bounded_digest(path, std::move(text));
}

Result<std::string> link_text(const std::string& path) {
  std::array<char, PATH_MAX> text;
  ssize_t length = ::readlink(path.c_str(), text.data(), text.size());
  if (length < 0) return system_error(path);
  return std::string(text.data(), static_cast<std::size_t>(length));
}

Result<Node> node_at(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return system_error(path);
  return node_of(info);
}

Result<Node> link_at(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return system_error(path);
  return node_of(info);
}

}  // namespace anynpu::host
