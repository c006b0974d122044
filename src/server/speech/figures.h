// SPDX-License-Identifier: Apache-2.0
// SpeechFigures: what a speech service has done so far, and does now.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace anynpu::server {

struct SpeechFigures {
  std::size_t working = 0, waiting = 0;  // now
  std::uint64_t answered = 0, failed = 0, cancelled = 0;
  double audio_seconds = 0;             // of the answered ones
  double busy_seconds = 0;              // at work on them, without waiting for a place or for bytes
  std::string model, device, engine;    // of the last one
  std::optional<std::string> fallback;  // of the last one that had one
  int batch_windows = 0;                // that the last one ran together, rounded up
  std::size_t open_jobs = 0;

  /// Below 1 is faster than real time; nothing before the first answer.
  std::optional<double> real_time_factor() const {
    if (audio_seconds <= 0) return std::nullopt;
    return busy_seconds / audio_seconds;
  }
};

}  // namespace anynpu::server
