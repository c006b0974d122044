// SPDX-License-Identifier: Apache-2.0
// Catches librknnrt's lines. A worker's output is a file, which is simply read again; anywhere else
// it is led through a file for the time of the call.
#include "engine/rknn_log.h"

#include <cstdio>
#include <mutex>
#include <optional>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

namespace anynpu::engine::rknn {
namespace {

constexpr std::size_t kMostBytes = 64 << 10;
constexpr std::size_t kMostLines = 200;

/// Where a file ends that can be read again; -1 for a terminal, a pipe and the like.
off_t end_of_file(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return -1;
  char one = 0;
  return ::pread(fd, &one, 0, 0) == 0 ? info.st_size : -1;  // not when it is for writing only
}

bool same_file(int a, int b) {
  struct stat first {
  }, second{};
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_ino == second.st_ino &&
         first.st_dev == second.st_dev;
}

std::string read_from(int fd, off_t start) {
  std::string text(kMostBytes, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t some =
        ::pread(fd, text.data() + size, text.size() - size, start + static_cast<off_t>(size));
    if (some <= 0) break;
    size += static_cast<std::size_t>(some);
  }
  text.resize(size);
  return text;
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t some = ::write(fd, text.data(), text.size());
    if (some <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(some));
  }
}

/// What comes to the standard output or error while it lives.
class Catcher {
 public:
  explicit Catcher(int fd) : fd_(fd), start_(end_of_file(fd)) {
    if (start_ >= 0) return;
    file_ = Fd(::memfd_create("librknnrt-output", MFD_CLOEXEC));
    before_ = Fd(::dup(fd));
    if (file_ && before_) ::dup2(file_.get(), fd);
  }
  ~Catcher() {
    if (!file_ || !before_) return;
    ::dup2(before_.get(), fd_);
    write_all(fd_, text());
  }
  Catcher(const Catcher&) = delete;
  Catcher& operator=(const Catcher&) = delete;
  std::string text() const {
    return start_ >= 0 ? read_from(fd_, start_) : file_ ? read_from(file_.get(), 0) : "";
  }

 private:
  int fd_;
  off_t start_;  // in the file that it already is; -1: it goes through a file of its own
  Fd file_, before_;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (const std::string& line : split(text, '\n'))
    if (!line.empty() && lines.size() < kMostLines) lines.push_back(printable(line, 500));
  return lines;
}

}  // namespace

std::vector<std::string> lines_during(const std::function<void()>& call) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  std::fflush(nullptr);
  const bool one_file = end_of_file(2) >= 0 && same_file(1, 2);
  const Catcher error(2);
  std::optional<Catcher> output;
  if (!one_file) output.emplace(1);
  call();
  std::fflush(stdout);
  return lines_of(output ? output->text() + error.text() : error.text());
}

}  // namespace anynpu::engine::rknn
