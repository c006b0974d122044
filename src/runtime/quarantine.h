// SPDX-License-Identifier: Apache-2.0
// Quarantine: a circuit breaker for each device, shared by all models of a server.
//
// closed: workers may use the device. A crash, a hang, an error of the device or a wrong answer
// opens it: every worker leaves the device, and requests go to the next placement. After a pause,
// which doubles with every failure in a row, exactly one worker may try (half-open): when it
// answers the canary as it should, the circuit closes again. What is open is written to a file, so
// that a restart of the server does not put a sick device to work at once.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"
#include "base/report.h"
#include "base/result.h"

namespace anynpu::runtime {

class Worker;
struct Placement;

enum class Circuit { kClosed, kOpen, kHalfOpen };
std::string_view to_string(Circuit circuit);

struct QuarantineRules {
  Duration first_pause = seconds(1);
  Duration longest_pause = seconds(300);
  /// A device that was well for so long, and at least for its last pause, starts with the first
  /// pause again.
  Duration proven_after = seconds(60);
  std::filesystem::path state_file = {};  // empty: nothing is kept over a restart
  /// How it is written; tests put their own. Never called under a lock that anybody else waits for.
  std::function<Result<>(const std::filesystem::path&, const std::string&)> write = {};
};

struct DeviceCircuit {
  std::string device;
  Circuit circuit = Circuit::kClosed;
  int failures_in_row = 0;
  std::uint64_t opened = 0;  // how often since the server's start
  std::string reason;        // of the last failure
  double pause_s = 0;        // the last one
  double left_s = 0;         // of it, while open
  pid_t stuck = 0;           // a worker that cannot be ended and holds the device; 0: none
};

class Quarantine {
 public:
  enum class Pass {
    kFree,   // closed
    kProbe,  // the caller is the one that may try, and must tell how it ended
    kWait,   // until `again` at least
  };
  struct Permit {
    Pass pass = Pass::kFree;
    TimePoint again = {};
  };

  explicit Quarantine(QuarantineRules rules = {});
  ~Quarantine();
  Quarantine(const Quarantine&) = delete;
  Quarantine& operator=(const Quarantine&) = delete;

  Permit enter(const std::string& device);
  bool closed(const std::string& device) const;
  /// Why the device is not to be used; empty when it is.
  std::string reason(const std::string& device) const;
  /// The device is not to be used; while a probe runs, the probe has failed.
  void failed(const std::string& device, const std::string& why);
  /// A probe's canary agreed.
  void succeeded(const std::string& device);
  /// A probe was broken off, for reasons that have nothing to do with the device.
  void abandoned(const std::string& device);
  /// The device is given up as long as this process is there, or any other that was given up for.
  void give_up(const std::string& device, pid_t stuck, const std::string& why);
  /// Ends a worker; keeps it when it cannot be ended.
  void end_worker(std::unique_ptr<Worker> worker, bool hangs, const Placement& placement);
  /// Keeps a worker that cannot be ended until it has gone, and gives its device up for so long.
  void keep_stuck(std::unique_ptr<Worker> worker, const Placement& placement);

  /// Every device that was ever in quarantine.
  std::vector<DeviceCircuit> status() const;

 private:
  struct Entry {
    DeviceCircuit state;
    Duration pause = {};
    TimePoint until = {};      // while open
    TimePoint closed_at = {};  // the last time that it closed
    std::vector<pid_t> stuck;  // each leads a group
  };
  void open_locked(Entry& entry, const std::string& why);
  std::string document_locked() const;
  /// Lets the lock go, then writes what is open.
  void save(std::unique_lock<std::mutex> lock);
  void let_go_of_ended();

  const QuarantineRules rules_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;
  std::uint64_t documents_ = 0;  // made so far

  std::mutex writing_;
  std::uint64_t written_ = 0;  // the newest document in the file

  std::mutex keeping_;
  std::vector<std::unique_ptr<Worker>> kept_;
};

/// What the state file says. At most 64 devices; words are made printable.
struct KeptCircuit {
  std::string device;
  std::string reason;
  int failures_in_row = 1;
  double until = 0;  // seconds since 1970
};
Result<std::vector<KeptCircuit>> parse_quarantine(std::string_view text);

Json to_json(const DeviceCircuit& circuit);

}  // namespace anynpu::runtime
