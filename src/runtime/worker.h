// SPDX-License-Identifier: Apache-2.0
// Worker: runs the session of one placement, in a process of its own or in this one.
//
// A worker belongs to one thread at a time. One run is: prepare(), fill the spans, run(), read the
// outputs, which stay valid until the next prepare().
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"
#include "base/result.h"
#include "engine/session.h"
#include "runtime/placement.h"
#include "runtime/wire.h"

namespace anynpu::runtime {

struct InputSize {
  engine::Shape shape;
  std::size_t bytes = 0;
};

struct RunOutput {
  double infer_ms = 0;  // the engine's own time
  engine::Session::Remarks remarks = {};
  std::vector<engine::Session::OutputView> outputs;
};

/// How long the end of a worker is waited for that has closed its connection: a moment while
/// requests wait, else as long as it takes to write a core.
inline constexpr Duration kObituaryPatience = milliseconds(200);
inline constexpr Duration kLongObituaryPatience = seconds(3);

class Worker {
 public:
  virtual ~Worker() = default;

  virtual const engine::SessionInfo& session() const = 0;
  /// Where to write each input.
  virtual Result<std::vector<std::span<std::byte>>> prepare(
      const std::vector<InputSize>& inputs) = 0;
  /// Code::kCrashed: the worker is gone. Code::kTimeout: no answer by `give_up`, it must be ended.
  /// Any other code: the engine refused or failed, and the worker is still there.
  virtual Result<RunOutput> run(TimePoint give_up) = 0;

  /// Ends it: asked first unless it hangs, then "q" on the standard input of its launcher if there
  /// is one, then SIGTERM to its process group, then SIGKILL. False
  /// when it, or something that it started, is still there after that (uninterruptible in the
  /// kernel).
  virtual bool end(bool hangs) = 0;
  /// False once the process is gone.
  virtual bool alive() { return true; }
  /// Why it ended, when it did within `patience`: "ended by signal 9 (Killed)", and the last line
  /// that it printed.
  virtual std::string obituary(Duration patience) = 0;
  /// While it answers canaries for the first time: what breaks that off (Code::kCancelled).
  virtual void obey(const StopFlag& /*stop*/) {}
  virtual pid_t pid() const { return 0; }
  /// Where its last run ended.
  virtual std::optional<int> processor() const { return std::nullopt; }
  /// The most memory that it ever had resident, in bytes; 0 when not known.
  virtual std::size_t peak_memory() const { return 0; }
};

/// Whether a worker that gave this error no longer listens to what it is asked.
inline bool must_be_ended(const Error& error) {
  return error.code == Code::kTimeout || error.code == Code::kCancelled;
}

/// Starts a process and loads the artifact in it, by `deadline` and unless `stop` is set; the
/// worker goes on to obey `stop`. One that fails is ended; when that cannot be done it is left in
/// `stuck`.
Result<std::unique_ptr<Worker>> start_worker_process(const Placement& placement, TimePoint deadline,
                                                     const StopFlag& stop = nullptr,
                                                     std::unique_ptr<Worker>* stuck = nullptr);

/// Loads the artifact in this process. It cannot be interrupted, and a crash takes this process
/// along. For the CPU only: vendor libraries are opened in processes of their own.
Result<std::unique_ptr<Worker>> start_worker_in_process(const Placement& placement);

}  // namespace anynpu::runtime
