// SPDX-License-Identifier: Apache-2.0
// Whole files: read with a limit, written atomically, hashed with libcrypto.
#include "base/file.h"

#include <algorithm>
#include <array>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

namespace anynpu {
namespace {

Result<Fd> open_regular(const std::filesystem::path& path, struct stat& info) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return system_error(path.string());
  if (::fstat(fd.get(), &info) != 0) return system_error(path.string());
  if (S_ISDIR(info.st_mode))
    return Error{Code::kInvalid, path.string() + ": is a folder, not a file"};
  if (!S_ISREG(info.st_mode))
    return Error{Code::kInvalid, path.string() + ": is not a regular file"};
  return fd;
}

template <typename Container>
Result<Container> read_into(const std::filesystem::path& path, std::size_t most_bytes) {
  struct stat info {};
  ANYNPU_TRY(fd, open_regular(path, info));
  auto too_large = [&] {
    return Error{Code::kTooLarge, fmt::format("{}: is larger than the limit of {}", path.string(),
                                              human_bytes(most_bytes))};
  };
  if (static_cast<std::uint64_t>(info.st_size) > most_bytes) return too_large();
  // Files of /proc and /sys say 0 or 4096 bytes whatever they hold, so read until the end.
  Container content;
  std::size_t used = 0;
  content.resize(static_cast<std::size_t>(info.st_size) + 1);
  while (true) {
    if (used == content.size()) content.resize(content.size() * 2 + 4096);
    ssize_t got = ::read(fd.get(), content.data() + used, content.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(path.string());
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
    if (used > most_bytes) return too_large();
  }
  content.resize(used);
  return content;
}

using Digest = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

Digest start_sha256() {
  Digest digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr);
  return digest;
}

// errno of what failed; 0.
int write_all(int fd, std::span<const std::byte> content) {
  while (!content.empty()) {
    const ssize_t wrote = ::write(fd, content.data(), content.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno;
    content = content.subspan(static_cast<std::size_t>(wrote));
  }
  return 0;
}

// umask() cannot be asked without being changed, for all threads.
mode_t current_umask() {
  const std::string status = read_text("/proc/self/status").value_or("");
  const std::size_t at = status.find("\nUmask:");
  if (at == std::string::npos) return 022;
  return static_cast<mode_t>(std::strtoul(status.c_str() + at + 7, nullptr, 8)) & 0777;
}

std::string finish(Digest& digest) {
  std::array<unsigned char, 32> hash{};
  EVP_DigestFinal_ex(digest.get(), hash.data(), nullptr);
  std::string hex;
  for (unsigned char byte : hash) hex += fmt::format("{:02x}", byte);
  return hex;
}

}  // namespace

Result<std::vector<std::byte>> read_bytes(const std::filesystem::path& path,
                                          std::size_t most_bytes) {
  return read_into<std::vector<std::byte>>(path, most_bytes);
}

Result<std::string> read_text(const std::filesystem::path& path, std::size_t most_bytes) {
  return read_into<std::string>(path, most_bytes);
}

Result<std::string> read_tail(const std::filesystem::path& path, std::size_t most_bytes) {
  struct stat info {};
  ANYNPU_TRY(fd, open_regular(path, info));
  const auto size = static_cast<std::size_t>(info.st_size);
  // One byte more, by which tail_of() sees that there is more before.
  const std::size_t wanted = most_bytes + 1;
  std::size_t at = size > wanted ? size - wanted : 0;
  std::string text(std::min(size, wanted), '\0');
  std::size_t used = 0;
  while (used < text.size()) {
    ssize_t got =
        ::pread(fd.get(), text.data() + used, text.size() - used, static_cast<off_t>(at + used));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(path.string());
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  text.resize(used);
  return tail_of(text, most_bytes);
}

std::string tail_of(std::string_view text, std::size_t most_bytes) {
  if (text.size() <= most_bytes) return std::string(text);
  text.remove_prefix(text.size() - most_bytes);
  const std::size_t end = text.find('\n');
  return end == std::string_view::npos ? std::string() : std::string(text.substr(end + 1));
}

Result<> write_file(const std::filesystem::path& path, std::string_view content) {
  return write_file(path, std::as_bytes(std::span(content)));
}

Result<> write_file(const std::filesystem::path& path, std::span<const std::byte> content) {
  const auto cannot = [&](int number) {
    return system_error("cannot write " + path.string(), number);
  };
  struct stat old {};
  const bool is_there = ::stat(path.c_str(), &old) == 0;
  if (is_there && !S_ISREG(old.st_mode)) {  // a device, a pipe: nothing to be replaced
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) return cannot(errno);
    const int failed = write_all(fd.get(), content);
    return failed == 0 ? Result<>() : cannot(failed);
  }
  // What a symbolic link points to is replaced, and not the link.
  std::error_code unresolved;
  const std::filesystem::path real = is_there ? std::filesystem::canonical(path, unresolved) : path;
  if (unresolved) return cannot(unresolved.value());
  std::string temporary = real.string() + ".XXXXXX";
  const Fd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return cannot(errno);
  const mode_t mode = is_there ? old.st_mode & 0777 : 0666 & ~current_umask();
  int failed = write_all(fd.get(), content);
  if (failed == 0 && (::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0)) failed = errno;
  if (failed == 0 && ::rename(temporary.c_str(), real.c_str()) != 0) failed = errno;
  if (failed == 0) return {};
  ::unlink(temporary.c_str());
  return cannot(failed);
}

Result<std::string> sha256_of_file(const std::filesystem::path& path) {
  struct stat info {};
  ANYNPU_TRY(fd, open_regular(path, info));
  Digest digest = start_sha256();
  std::vector<char> block(1 << 20);
  while (true) {
    ssize_t got = ::read(fd.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(path.string());
    if (got == 0) return finish(digest);
    EVP_DigestUpdate(digest.get(), block.data(), static_cast<std::size_t>(got));
  }
}

std::string sha256_of(std::span<const std::byte> bytes) {
  Digest digest = start_sha256();
  EVP_DigestUpdate(digest.get(), bytes.data(), bytes.size());
  return finish(digest);
}

}  // namespace anynpu
