// SPDX-License-Identifier: Apache-2.0
// The processes of anynpu on this machine: each leaves a record, so that `anynpu clean` and the
// recovery ladder end what is ours and never anything else.
//
// A process id alone proves nothing: it is used again. A record therefore also has the process's
// start time (/proc/PID/stat, field 22, in clock ticks since boot), the boot (boot_id) and the PID
// namespace in which the number means something.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"
#include "base/result.h"

namespace anynpu::host {

/// A process that is told from every other one that ever had its number.
struct ProcessId {
  pid_t pid = 0;
  std::uint64_t started = 0;  // clock ticks since boot

  bool operator==(const ProcessId&) const = default;
};

/// None when there is no such process.
std::optional<ProcessId> process_id(pid_t pid);
bool is_running(const ProcessId& process);
/// False when it is not running any more. The signal cannot reach a later process of that number.
Result<bool> signal_process(const ProcessId& process, int signal);

struct OwnProcess {
  ProcessId process;
  ProcessId parent;    // the one that started it and looks after it
  std::string role;    // "worker"
  std::string device;  // "rknpu0"; empty when it has none
};

/// Where anynpu keeps what is true only while it runs: $ANYNPU_RUN_DIR, $XDG_RUNTIME_DIR/anynpu,
/// /run/anynpu for root, else a folder in /tmp that only this user may enter.
Result<std::filesystem::path> run_folder();

/// The record of one process, from its making to its destruction. Without a run folder nothing is
/// recorded: a machine that has none must not keep a model from running.
class ProcessRecord {
 public:
  ProcessRecord() = default;
  ProcessRecord(pid_t pid, const std::string& role, const std::string& device);
  ProcessRecord(ProcessRecord&& other) noexcept : file_(std::exchange(other.file_, {})) {}
  ProcessRecord& operator=(ProcessRecord&& other) noexcept;
  ~ProcessRecord() { erase(); }

 private:
  void erase();
  std::filesystem::path file_;
};

/// What an earlier run left behind.
struct Leftovers {
  std::vector<OwnProcess> orphans;           // running, and what looked after them is gone
  std::vector<OwnProcess> looked_after;      // running as they should
  std::vector<std::filesystem::path> files;  // records of processes that are gone, and sockets
                                             // that nobody listens on
};
/// Records of another PID namespace (of a container) are left to it, but by the machine itself,
/// which sees the processes of all and also which namespaces are gone. `proc` is where the kernel
/// shows them.
Result<Leftovers> find_leftovers(const std::filesystem::path& run_folder,
                                 const std::filesystem::path& proc = "/proc");

/// The processes of a group that are still there; those that ended and were not yet fetched by
/// their parent are not.
std::vector<pid_t> processes_of_group(pid_t group);

/// Ends an orphan: SIGTERM, then SIGKILL after `patience`. False when it is still there (it hangs
/// in the kernel).
bool end_process(const ProcessId& process, Duration patience);

}  // namespace anynpu::host
