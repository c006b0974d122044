// SPDX-License-Identifier: Apache-2.0
// Lines of the kernel's log that say that a device failed.
#include "runtime/kernel_watch.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "npu/kernel_lines.h"

namespace anynpu::runtime {
namespace {

constexpr int kMostReads = 1000;
constexpr std::size_t kMostRecord = 8192;  // what the kernel hands out at most

}  // namespace

KernelWatch::KernelWatch(std::string_view family, const std::filesystem::path& file)
    : family_(family) {
  if (npu::trouble_lines(family_).empty()) return;
  fd_ = Fd(::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (fd_) {
    ::lseek(fd_.get(), 0, SEEK_END);
    return;
  }
  if (family_ != "rocket") return;  // other drivers tell their programs
  blind_ = system_error("cannot read " + file.string())
               .within("a job that times out on the NPU will not be noticed")
               .with_hint(
                   "give it /dev/kmsg and CAP_SYSLOG, as deploy/systemd/anynpu.service "
                   "does, or let everybody read: sysctl kernel.dmesg_restrict=0");
  static std::once_flag said;  // each placement of each model has a watch
  std::call_once(said, [&] {
    log::write(log::Level::warn, blind_->message, {{"family", family_}});
    log::hint(blind_->hint);
  });
}

std::string KernelWatch::news() {
  std::string found;
  std::array<char, kMostRecord> record{};
  for (int i = 0; fd_ && i < kMostReads; ++i) {
    const ssize_t got = ::read(fd_.get(), record.data(), record.size());
    if (got < 0 && (errno == EPIPE || errno == EINTR)) continue;  // records were overwritten
    if (got <= 0) break;
    rest_.append(record.data(), static_cast<std::size_t>(got));
    for (std::size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n')) {
      const std::string line = rest_.substr(0, end);
      rest_.erase(0, end + 1);
      const auto patterns = npu::trouble_lines(family_);
      const bool trouble = std::any_of(patterns.begin(), patterns.end(), [&](std::string_view p) {
        return line.find(p) != std::string::npos;
      });
      // "3,1234,5678901,-;text"
      if (trouble && found.empty()) found = printable(line.substr(line.find(';') + 1), 200);
    }
    if (rest_.size() > 2 * kMostRecord) rest_.clear();
  }
  return found;
}

}  // namespace anynpu::runtime
