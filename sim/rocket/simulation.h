// SPDX-License-Identifier: Apache-2.0
// Simulation: what all open files of the simulated NPU share: settings, faults, logs.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "sim/common/faults.h"
#include "sim/rocket/settings.h"

namespace anynpu::sim::rocket {

class Simulation {
 public:
  explicit Simulation(Settings settings);

  const Settings& settings() const { return settings_; }
  Faults& faults() { return faults_; }

  /// The errno of a call of this kind that has to fail.
  std::optional<int> failure(std::string_view kind, int usual_error);
  /// Counts an open or a submit: whether the device is gone from now on.
  bool goes_away();
  bool gone();

  void log(unsigned level, const std::string& line);
  /// Logs why a task is not run, once per reason; ends the program under `strict`.
  void refuse(const std::string& reason);
  void log_to_kernel(const std::string& line);

 private:
  Settings settings_;
  Faults faults_;
  std::atomic<bool> gone_ = false;
  std::mutex mutex_;
  std::set<std::string> refusals_;
  std::uint64_t kernel_lines_ = 0;
};

/// ns of CLOCK_MONOTONIC.
std::int64_t monotonic_ns();

}  // namespace anynpu::sim::rocket
