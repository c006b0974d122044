// SPDX-License-Identifier: Apache-2.0
// The three kinds of ByteSource.
#include "audio/byte_source.h"

#include <algorithm>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

namespace anynpu::audio {
namespace {

std::size_t copy_from(std::span<const std::byte> bytes, std::uint64_t offset,
                      std::span<std::byte> into) {
  if (offset >= bytes.size()) return 0;
  const std::size_t count =
      std::min<std::size_t>(into.size(), bytes.size() - static_cast<std::size_t>(offset));
  if (count > 0) std::memcpy(into.data(), bytes.data() + offset, count);
  return count;
}

class MemorySource : public ByteSource {
 public:
  explicit MemorySource(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) override {
    return copy_from(bytes_, offset, into);
  }
  std::optional<std::uint64_t> size() const override { return bytes_.size(); }
  std::uint64_t wait_for_size() override { return bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
};

class FileSource : public ByteSource {
 public:
  FileSource(Fd file, std::uint64_t size) : file_(std::move(file)), size_(size) {}
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) override {
    return read_file_at(file_.get(), offset, into);
  }
  std::optional<std::uint64_t> size() const override { return size_; }
  std::uint64_t wait_for_size() override { return size_; }
  int descriptor() const override { return file_.get(); }

 private:
  Fd file_;
  std::uint64_t size_;
};

}  // namespace

std::size_t read_file_at(int file, std::uint64_t offset, std::span<std::byte> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t got =
        ::pread(file, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

std::unique_ptr<ByteSource> memory_source(std::span<const std::byte> bytes) {
  return std::make_unique<MemorySource>(bytes);
}

Result<std::unique_ptr<ByteSource>> file_source(const std::filesystem::path& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return system_error(path.string());
  struct stat about = {};
  if (::fstat(file.get(), &about) != 0) return system_error(path.string());
  if (!S_ISREG(about.st_mode))
    return Error{Code::kInvalid, fmt::format("{} is not a regular file", path.string())};
  return std::make_unique<FileSource>(std::move(file), static_cast<std::uint64_t>(about.st_size));
}

Result<> ArrivingBytes::append(std::span<const std::byte> bytes) {
  const std::lock_guard lock(mutex_);
  if (ended_) return Error{Code::kInvalid, "audio came after its end"};
  if (bytes.size() > most_bytes_ - bytes_.size()) {
    ended_ = true;
    changed_.notify_all();
    return Error{Code::kTooLarge, fmt::format("the audio is longer than {} bytes", most_bytes_)};
  }
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  changed_.notify_all();
  return {};
}

void ArrivingBytes::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

std::size_t ArrivingBytes::read_at(std::uint64_t offset, std::span<std::byte> into) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    return ended_ || (offset <= bytes_.size() && into.size() <= bytes_.size() - offset);
  });
  return copy_from(bytes_, offset, into);
}

std::optional<std::uint64_t> ArrivingBytes::size() const {
  const std::lock_guard lock(mutex_);
  return ended_ ? std::optional<std::uint64_t>(bytes_.size()) : std::nullopt;
}

std::uint64_t ArrivingBytes::wait_for_size() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ended_; });
  return bytes_.size();
}

}  // namespace anynpu::audio
