// SPDX-License-Identifier: Apache-2.0
// ServedModel: one version of a model, placed, with workers that answer requests.
//
// Requests wait in one bounded queue. Each worker has a lane (a thread) that takes the oldest
// request it may answer, batches others with it where the artifact allows, and runs it under a
// deadline. A worker that crashes, is killed, hangs or reports an error costs no request: the
// request goes back to the head of the queue and is answered by the next placement, and the reply
// says so.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/report.h"
#include "base/result.h"
#include "engine/session.h"
#include "model/package.h"
#include "npu/device.h"
#include "runtime/placement.h"
#include "runtime/quarantine.h"

namespace anynpu::runtime {

/// What a request puts into the input tensors. Called on a lane's thread, once per attempt, because
/// the next placement may want other types: a uint8 artifact and a float32 one take the same
/// picture.
class InputSource {
 public:
  virtual ~InputSource() = default;
  /// The shape of one request (leading dimension 1 where requests are batched).
  virtual Result<engine::Shape> shape(std::size_t index,
                                      const engine::TensorInfo& tensor) const = 0;
  /// Writes exactly `to.size()` bytes, the size of that shape.
  virtual Result<> write(std::size_t index, const engine::TensorInfo& tensor,
                         std::span<std::byte> to) const = 0;
  /// Bytes of a tensor of strings, which have no size of their own. Only then called.
  virtual std::size_t string_bytes(std::size_t /*index*/) const { return 0; }
};

struct Request {
  std::shared_ptr<const InputSource> input;
  TimePoint deadline = Clock::now() + seconds(30);
  /// How long one run of it may take before the worker counts as hanging, when that is longer than
  /// the model's own hang limit: a request may be much more work than the canary.
  Duration run_limit = Duration::zero();
  /// Set by the caller when it goes away: a waiting request is dropped, a running one is not
  /// answered.
  std::shared_ptr<std::atomic<bool>> cancelled;
};

struct Reply {
  std::vector<engine::Tensor> outputs;
  std::string device;    // "cpu"
  std::string engine;    // "tflite+xnnpack"
  std::string artifact;  // "model.float32.tflite"
  std::string note;      // of an NPU: "28 of 31 operators on the NPU in 2 partitions"
  std::optional<std::string> fallback;  // why another placement than the first answered
  int attempts = 1;
  int batch = 1;  // how many requests ran together
  double queue_ms = 0;
  double infer_ms = 0;
};

struct ServeOptions {
  Policy policy = Policy::kNpuPreferred;
  int instances = 0;     // workers of the serving placement; 0: one per core, at most 4
  int threads = 1;       // of one CPU session
  bool isolated = true;  // false: sessions in this process (a crash takes it along)
  std::size_t queue_limit = 1024;
  Duration hang_limit = seconds(2);        // a run longer than this and 50 medians is a hang
  Duration batch_wait = Duration::zero();  // how long to wait for more requests to run together
  std::string only;                        // a placement id or a part of it: nothing else is tried
  bool measure_all = false;                // bench: measure every candidate, NPU or not
  std::optional<std::vector<npu::Device>> devices;  // instead of those of the running machine
  /// Shared by all models of a server; nothing: one of this model's own, kept nowhere.
  std::shared_ptr<Quarantine> quarantine;
  // An NPU is asked a canary, before it gives an answer, when so many runs or so much time (and at
  // least 20 medians) have passed since the last time.
  std::uint64_t canary_every = 1000;
  Duration canary_after = seconds(1);              // zero: before every answer
  std::filesystem::path kernel_log = "/dev/kmsg";  // where drivers tell of jobs that failed
  /// Whoever sets it breaks a start() off that is under way: Code::kCancelled.
  std::shared_ptr<const std::atomic<bool>> stop = nullptr;
};

struct InstanceStatus {
  std::string placement;
  std::string state;  // "ready", "starting", "busy", "paused", "quarantined", "stopped"
  int pid = 0;        // 0 in this process
  std::uint64_t served = 0;
  std::uint64_t restarts = 0;  // after failures
  std::string last_error;
  std::uint64_t recycled = 0;  // workers that were replaced because their library leaks
  std::optional<Error> blind;  // why a job of its device that fails may not be noticed
};

struct Counters {
  std::uint64_t accepted = 0, answered = 0, failed = 0, rejected = 0, cancelled = 0;
  std::uint64_t fallbacks = 0, worker_restarts = 0, batches = 0;
  std::size_t queued = 0, in_flight = 0;
};

class ServedModel {
 public:
  /// Measures the candidates on the canary, starts the workers and warms them up. `canary` supplies
  /// the canary's input (vision makes it from the package's picture).
  static Result<std::unique_ptr<ServedModel>> start(const model::Package& package, int version,
                                                    std::shared_ptr<const InputSource> canary,
                                                    const ServeOptions& options);
  virtual ~ServedModel() = default;

  /// Calls `done` exactly once, on a lane's thread, or on this one when the request is refused at
  /// once (Code::kBusy when the queue is full, Code::kCancelled while draining).
  virtual void submit(Request request, std::function<void(Result<Reply>)> done) = 0;
  /// The same, waiting for the answer.
  virtual Result<Reply> infer(Request request) = 0;

  virtual const model::Package& package() const = 0;
  virtual int version() const = 0;
  /// As the serving placement's artifact declares them.
  virtual const engine::SessionInfo& session() const = 0;
  virtual const PlacementReport& placements() const = 0;
  virtual std::vector<InstanceStatus> instances() const = 0;
  /// Whether requests should be sent here: not while npu-required is asked for and every NPU is in
  /// quarantine.
  virtual bool ready() const { return true; }
  /// Of the devices of its placements; those that never failed are left out.
  virtual std::vector<DeviceCircuit> circuits() const { return {}; }
  virtual Counters counters() const = 0;
  /// How many requests its queue holds.
  virtual std::size_t queue_limit() const = 0;
  /// Whether what comes before a run, such as decoding, is best left to the thread that feeds the
  /// worker: where it would begin at once, and where workers of the CPU are as many as processors,
  /// so that another thread would only take theirs. It may be otherwise a moment later.
  virtual bool prepares() const = 0;

  /// Takes no more requests, answers those accepted until `deadline`, ends the workers; also those
  /// that are being started. Another call meanwhile can only bring the deadline forward.
  virtual void drain(TimePoint deadline) = 0;
};

/// For /status: placements with reasons, instances, counters.
Json to_json(const PlacementReport& report);
Json to_json(const ServedModel& model);

}  // namespace anynpu::runtime
