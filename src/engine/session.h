// SPDX-License-Identifier: Apache-2.0
// Session: a loaded artifact. Engine: a library that loads artifacts and runs them.
//
// An engine knows model libraries and no hardware. Its vendor library is opened at run time; a
// machine without it gets a precise word of what was looked for. A session belongs to one thread at
// a time.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/tensor.h"

namespace anynpu::engine {

struct LoadOptions {
  int threads = 1;      // 1 to 256; CPU engines only
  std::string variant;  // one of Engine::variants(); empty: the first that can run the artifact
  /// Keep what a network remembers from run to run (TFLite's variable tensors), as streaming audio
  /// needs it. Otherwise each run starts afresh, so that no request sees another one's traces.
  bool keep_state = false;
  /// The second half of a network that is kept in two files: `artifact` listens, this one writes
  /// (engine/seq2seq.h). ONNX Runtime only.
  std::filesystem::path decoder = {};

  // Of NPU engines.
  std::string device_node;  // "/dev/accel/accel0"; empty: the library looks for itself
  int device_index = 0;     // among the devices of its family, for libraries that count them
  unsigned core_mask = 0;   // bit n: core n; 0: the library's choice
};

struct SessionInfo {
  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;
  /// The leading dimension of every input may be chosen per run, so that requests can be batched.
  bool batchable = false;
  std::string note;  // what a user should know of how it runs, such as "XNNPACK"

  // Of NPU engines: "28 of 31 operators in 2 partitions". `operators` 0: the library does not tell.
  int operators = 0;
  int npu_operators = 0;
  int partitions = 0;  // each is one trip to the NPU and back
};

class Session {
 public:
  virtual ~Session() = default;

  /// Shapes as declared by the artifact, dynamic dimensions as -1.
  virtual const SessionInfo& info() const = 0;

  /// Chooses the shapes of all inputs for the runs that follow. Required before the first run when
  /// an input is dynamic; the same shapes again cost nothing.
  virtual Result<> set_input_shapes(const std::vector<Shape>& shapes) = 0;

  /// Copies one whole input. `bytes` must be exactly as long as the chosen shape asks for.
  virtual Result<> set_input(std::size_t index, std::span<const std::byte> bytes) = 0;

  virtual Result<> run() = 0;

  /// Type and shape of an output of the last run, and its bytes, valid until the next run.
  /// Strings are encoded as engine::Tensor says.
  struct OutputView {
    Shape shape;
    std::span<const std::byte> bytes;
  };
  virtual Result<OutputView> output(std::size_t index) = 0;

  /// What the last run gives to think about. Failures are no remarks: run() returns them.
  struct Remarks {
    /// Why its outputs may not be what they seem, though the library reported success: stale ones
    /// of an earlier run, as after a time-out inside the kernel. Empty: nothing speaks against
    /// them.
    std::string suspect;
    /// This process should be replaced soon: the library leaks, and will crash of it.
    bool worn = false;
  };
  virtual Remarks remarks() const { return {}; }
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string name() const = 0;     // "tflite", "onnxruntime"
  virtual std::string version() const = 0;  // of the library, "2.9.0"
  virtual std::filesystem::path library() const = 0;
  /// How it can run the same artifact, fastest expected first: {"xnnpack", "plain"}; {""} when
  /// there is one way only, as with all NPU engines.
  virtual std::vector<std::string> variants() const = 0;
  virtual Result<std::unique_ptr<Session>> load(const std::filesystem::path& artifact,
                                                const LoadOptions& options) = 0;
};

}  // namespace anynpu::engine
