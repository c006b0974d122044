// SPDX-License-Identifier: Apache-2.0
// Faults of simulated devices, on demand: one grammar for all families.
//
//   ANYNPU_SIM_FAULT=hang                      every time
//   ANYNPU_SIM_FAULT=crash:after=10            from the eleventh time on
//   ANYNPU_SIM_FAULT=wrong:one-in=100:seed=7   at random, the same for the same seed
//   ANYNPU_SIM_FAULT=crash:times=1+slow:ms=50  several; this crash happens once
//
// ANYNPU_SIM_CONTROL names a file. While it exists, what it says counts instead of the variable,
// and it is read again whenever it changes: a test clears a fault of a running process with an
// empty file. ANYNPU_SIM_STATE names a folder that the processes of one simulated machine share:
// there the counts behind after, times and one-in go on when a worker is started again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace anynpu::sim {

struct Fault {
  std::string name;
  std::uint64_t after = 0;   // times that it is spared first
  std::uint64_t times = 0;   // how often it strikes; 0: without end
  std::uint64_t one_in = 1;  // 1 or more: strikes once in that many times, at random
  std::uint64_t seed = 1;
  int ms = 0;     // how long, for faults that take time
  int mib = 0;    // how much, for faults that take memory
  int error = 0;  // errno instead of the usual one, for faults of system calls
};

/// What the variable and the control file say; at most 4 KiB and 16 faults.
Result<std::vector<Fault>> parse_faults(std::string_view text);

/// The folder of ANYNPU_SIM_STATE; empty when there is none.
std::filesystem::path state_folder();

class Faults {
 public:
  /// `known` are the names that this simulator understands. Any other name, and what cannot be
  /// parsed, ends the process with a line on standard error: a misspelled fault must not pass for a
  /// healthy device.
  explicit Faults(std::vector<std::string> known);
  ~Faults();

  /// The fault, when it strikes at this time. Each call counts as one time.
  std::optional<Fault> strikes(std::string_view name);
  /// The fault, when it is asked for at all; nothing is counted.
  std::optional<Fault> active(std::string_view name);

 private:
  struct Count;
  void refresh();
  Count& count_of(const std::string& name);

  std::mutex mutex_;
  std::vector<std::string> known_;
  std::vector<Fault> faults_;
  std::string stamp_;  // of the control file, when faults_ was read
  bool read_ = false;
  std::map<std::string, std::unique_ptr<Count>> counts_;
};

/// Ends this process as a bad pointer in a vendor library does.
[[noreturn]] void crash();
/// Never returns and heeds no signal but SIGKILL, as a thread that hangs in a driver.
[[noreturn]] void hang();
/// Waits as the fault says.
void wait(const Fault& fault);

}  // namespace anynpu::sim
