// SPDX-License-Identifier: Apache-2.0
// FileLock: one process at a time works in a folder.
#include "model/file_lock.h"

#include <thread>

#include <fcntl.h>
#include <sys/file.h>

#include "base/log.h"

namespace anynpu::model {

Result<FileLock> FileLock::take(const std::filesystem::path& path, Duration patience) {
  std::error_code failed;
  std::filesystem::create_directories(path.parent_path(), failed);
  if (failed) return system_error("cannot make " + path.parent_path().string(), failed.value());
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd)
    return system_error("cannot write " + path.string())
        .with_hint("choose a folder that you can write");
  TimePoint deadline = Clock::now() + patience;
  bool said = false;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return system_error("cannot lock " + path.string());
    if (Clock::now() >= deadline)
      return Error{Code::kBusy, "another anynpu is still working in " + path.parent_path().string()}
          .with_hint("try again when it is done");
    if (!said)
      log::warn("another anynpu is working in {}: waiting for it", path.parent_path().string());
    said = true;
    std::this_thread::sleep_for(milliseconds(100));
  }
  return FileLock(std::move(fd));
}

}  // namespace anynpu::model
