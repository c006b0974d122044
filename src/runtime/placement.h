// SPDX-License-Identifier: Apache-2.0
// Placement: an artifact, the engine that loads it and the device on which it runs; and what was
// measured of it. Chosen by measurement, never guessed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/package.h"

namespace anynpu::runtime {

enum class Policy { kNpuRequired, kNpuPreferred, kCpuOnly };
std::string_view to_string(Policy policy);
std::optional<Policy> policy_from(std::string_view word);

struct Placement {
  model::Artifact artifact;
  std::string engine;   // "tflite"
  std::string variant;  // "xnnpack"; empty for engines that have only one
  std::string device;   // "cpu", "rknpu0"
  int threads = 1;      // of CPU sessions

  // Of an NPU.
  std::string family = "cpu";
  std::string node;        // "/dev/accel/accel0"
  int index = 0;           // among the devices of its family
  int cores = 0;           // 0: unknown
  unsigned core_mask = 0;  // bit n: core n; 0: the library's choice

  bool on_npu() const { return family != "cpu"; }

  /// "cpu/tflite+xnnpack/model.float32.tflite"
  std::string id() const;
  /// "tflite+xnnpack"
  std::string engine_title() const;
};

/// What a candidate showed on the canary.
struct Measured {
  double load_ms = 0;
  double first_ms = 0;     // the first run, with its warm-up
  double median_ms = 0;    // of the runs after it
  double overhead_ms = 0;  // what a run costs beyond the engine's own time: worker, shared memory
  double cosine = 1;       // with the reference's outputs
  bool same_top1 = true;

  // Of an NPU.
  int workers = 1;            // that serve together, because that was measured to be faster
  double per_second_one = 0;  // runs per second of one worker, and of all; 0: not measured
  double per_second_all = 0;
  std::string note;  // "Teflon of Mesa 26.2.6: 28 of 31 operators on the NPU in 2 partitions"
};

struct Candidate {
  Placement placement;
  std::optional<Measured> measured;  // absent when it never got that far
  std::string rejected;              // why it does not serve; empty when it serves or stands by
};

/// The choice for one version of one model, and the reasons: shown by /status, the page, bench and
/// every reply.
struct PlacementReport {
  Policy policy = Policy::kNpuPreferred;
  std::vector<Candidate> ranked;  // the first serves; the next ones are its fallbacks, in order
  std::vector<Candidate> rejected;
  std::string no_npu;  // why no NPU serves; empty when one does
};

}  // namespace anynpu::runtime
