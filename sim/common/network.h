// SPDX-License-Identifier: Apache-2.0
// What a simulated device computes with: a .tflite on the CPU. And the file that a simulator takes
// for a compiled model: a few facts and a .tflite inside.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/report.h"
#include "base/result.h"
#include "engine/session.h"

namespace anynpu::sim {

class Network {
 public:
  /// With the TFLite library that anynpu's engine "tflite" takes.
  static Result<std::unique_ptr<Network>> from_tflite(std::span<const std::byte> tflite);

  const engine::SessionInfo& info() const { return session_->info(); }

  /// The declared shapes of the inputs, with `batch` requests side by side; open dimensions are 1.
  std::vector<engine::Shape> shapes(int batch = 1) const;

  /// One run. What it returns is valid until the next one.
  Result<std::vector<engine::Session::OutputView>> compute(
      const std::vector<std::span<const std::byte>>& inputs,
      const std::vector<engine::Shape>& shapes);

 private:
  explicit Network(std::unique_ptr<engine::Session> session) : session_(std::move(session)) {}
  std::unique_ptr<engine::Session> session_;
};

/// "ANYNPUSIM1", a length, facts as JSON, and the .tflite, aligned to 16 bytes.
struct SimArtifact {
  Json facts;
  std::span<const std::byte> tflite;  // into the bytes that were unpacked
};
std::vector<std::byte> pack_artifact(const Json& facts, std::span<const std::byte> tflite);
/// An error for anything that pack_artifact() did not write.
Result<SimArtifact> unpack_artifact(std::span<const std::byte> bytes);

}  // namespace anynpu::sim
