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
};

struct SessionInfo {
  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;
  /// The leading dimension of every input may be chosen per run, so that requests can be batched.
  bool batchable = false;
  std::string note;  // what a user should know of how it runs, such as "XNNPACK"
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
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string name() const = 0;     // "tflite", "onnxruntime"
  virtual std::string version() const = 0;  // of the library, "2.9.0"
  virtual std::filesystem::path library() const = 0;
  /// How it can run the same artifact on the CPU, fastest expected first: {"xnnpack", "plain"}.
  virtual std::vector<std::string> variants() const = 0;
  virtual Result<std::unique_ptr<Session>> load(const std::filesystem::path& artifact,
                                                const LoadOptions& options) = 0;
};

}  // namespace anynpu::engine
