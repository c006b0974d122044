// SPDX-License-Identifier: Apache-2.0
// Appending and reading go by pwrite and pread, so that neither holds the other up.
#include "audio/spool.h"

#include <cstdlib>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"

namespace anynpu::audio {
namespace {

std::filesystem::path temporary_folder() {
  const char* named = std::getenv("TMPDIR");
  if (named != nullptr && *named != '\0') return named;
  return ::access("/var/tmp", W_OK) == 0 ? "/var/tmp" : "/tmp";
}

Result<Fd> nameless_file(const std::filesystem::path& folder) {
  Fd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file) return file;
  // Not every file system can do that (overlayfs of old kernels, NFS): there it loses its name.
  std::string name = (folder / "anynpu-XXXXXX").string();
  file = Fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!file)
    return system_error(fmt::format("cannot keep an upload in {}", folder.string()))
        .with_hint("make the folder writable, or name another one: TMPDIR, speech.spool");
  ::unlink(name.c_str());
  return file;
}

}  // namespace

Result<std::unique_ptr<Spool>> Spool::create(const std::filesystem::path& folder,
                                             std::uint64_t most_bytes) {
  ANYNPU_TRY(file, nameless_file(folder.empty() ? temporary_folder() : folder));
  return std::make_unique<Spool>(std::move(file), most_bytes);
}

Result<> Spool::append(std::span<const std::byte> bytes) {
  std::uint64_t at = 0;
  {
    std::lock_guard lock(mutex_);
    if (ended_) return Error{Code::kInvalid, "audio came after its end"};
    at = written_;
  }
  if (bytes.size() > most_bytes_ - at) {
    fail();
    return Error{Code::kTooLarge,
                 fmt::format("the audio is larger than the limit of {}", human_bytes(most_bytes_))};
  }
  const std::uint64_t end = at + bytes.size();
  while (!bytes.empty()) {
    const ssize_t wrote =
        ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(end - bytes.size()));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      Error error = system_error("cannot keep the upload");
      fail();
      return error;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(wrote));
  }
  std::lock_guard lock(mutex_);
  written_ = end;
  changed_.notify_all();
  return {};
}

void Spool::end() {
  std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

void Spool::fail() {
  failed_ = true;
  end();
}

Result<std::unique_ptr<Spool>> Spool::again() const {
  Fd file(::fcntl(file_.get(), F_DUPFD_CLOEXEC, 0));
  if (!file) return system_error("cannot read the upload again");
  auto copy = std::make_unique<Spool>(std::move(file), most_bytes_);
  copy->written_ = bytes();
  copy->ended_ = true;
  return copy;
}

std::uint64_t Spool::bytes() const {
  std::lock_guard lock(mutex_);
  return written_;
}

template <typename Until>
void Spool::wait(std::unique_lock<std::mutex>& lock, Until until) {
  if (until()) return;
  if (waiting_) {
    lock.unlock();
    waiting_(true);
    lock.lock();
  }
  changed_.wait(lock, until);
  if (waiting_) {
    lock.unlock();
    waiting_(false);
    lock.lock();
  }
}

std::size_t Spool::read_at(std::uint64_t offset, std::span<std::byte> into) {
  std::unique_lock lock(mutex_);
  wait(lock, [&] { return ended_ || (offset <= written_ && into.size() <= written_ - offset); });
  if (failed_ || offset >= written_) return 0;
  into = into.first(std::min<std::uint64_t>(into.size(), written_ - offset));
  lock.unlock();
  return read_file_at(file_.get(), offset, into);
}

std::optional<std::uint64_t> Spool::size() const {
  std::lock_guard lock(mutex_);
  return ended_ ? std::optional<std::uint64_t>(written_) : std::nullopt;
}

std::uint64_t Spool::wait_for_size() {
  std::unique_lock lock(mutex_);
  wait(lock, [&] { return ended_; });
  return written_;
}

}  // namespace anynpu::audio
