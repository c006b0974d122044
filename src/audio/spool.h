// SPDX-License-Identifier: Apache-2.0
// Spool: an upload under way, kept in a file without a name while another thread decodes it.
//
// Memory stays flat however large the upload is, and nothing is left on the disk: the file has no
// name, so the kernel frees it with the last descriptor, also when the process is killed.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <span>

#include "audio/byte_source.h"
#include "base/fd.h"
#include "base/result.h"

namespace anynpu::audio {

class Spool : public ByteSource {
 public:
  /// A file in `folder`; empty: $TMPDIR or /var/tmp.
  static Result<std::unique_ptr<Spool>> create(const std::filesystem::path& folder,
                                               std::uint64_t most_bytes);
  /// Keeps the bytes in a file that is there already and empty, such as that of a job.
  Spool(Fd file, std::uint64_t most_bytes) : file_(std::move(file)), most_bytes_(most_bytes) {}

  /// Writes to the file, so not for an event loop. Code::kTooLarge over the limit.
  Result<> append(std::span<const std::byte> bytes);
  /// No more will come.
  void end();
  /// No more will come, and what came is of no use: readers see the end.
  void fail();
  bool failed() const { return failed_; }
  /// After end(): the same bytes for another reader, whatever becomes of this one.
  Result<std::unique_ptr<Spool>> again() const;
  std::uint64_t bytes() const;

  /// Called with true on the reader's thread before it waits for bytes, and with false after it.
  void on_waiting(std::function<void(bool)> waiting) { waiting_ = std::move(waiting); }

  std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) override;
  std::optional<std::uint64_t> size() const override;
  std::uint64_t wait_for_size() override;
  int descriptor() const override { return file_.get(); }

 private:
  template <typename Until>
  void wait(std::unique_lock<std::mutex>& lock, Until until);

  Fd file_;
  const std::uint64_t most_bytes_;
  std::function<void(bool)> waiting_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t written_ = 0;
  bool ended_ = false;
  std::atomic<bool> failed_ = false;
};

}  // namespace anynpu::audio
