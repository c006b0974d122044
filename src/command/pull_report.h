// SPDX-License-Identifier: Apache-2.0
// What `models pull` and `engines pull` share: the locks and the words about what was fetched.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "command/command.h"
#include "model/file_lock.h"
#include "model/pull.h"

namespace anynpu::command {

using PullLocks = std::vector<model::FileLock>;

/// Takes the lock of the folder that is pulled into, then that of the cache of downloads, always in
/// this order.
Result<PullLocks> lock_for_pull(const std::filesystem::path& folder);

/// Collects outcomes and writes them at the end; failures are said at once.
class PullReport {
 public:
  /// `key` is the list's name in JSON.
  PullReport(const CommandContext& context, std::string key)
      : context_(context), key_(std::move(key)) {}

  void add(const std::string& name, const Result<model::Pulled>& outcome);
  /// Returns the exit code: kExitFailed when all failed, kExitDegraded when some did.
  int finish();

 private:
  const CommandContext& context_;
  std::string key_;
  std::vector<std::vector<Cell>> rows_;
  std::vector<std::string> lines_;
  std::size_t failed_ = 0;
};

}  // namespace anynpu::command
