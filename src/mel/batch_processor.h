// SPDX-License-Identifier: Apache-2.0
// BatchProcessor: collects frames of many streams and computes them together on an NPU.
//
// A call of an NPU costs some 200 microseconds whatever it does, a frame a few: alone, a frame is
// mostly overhead. So frames wait for company, as long as the deadline of the oldest allows and no
// longer than company pays: the cost of a call and of a frame are measured on the calls themselves.
//
// A batch goes to the NPU as one call; when that fails, frame by frame; when that fails too, to the
// CPU. Each frame says which of them computed it and why not an earlier one. A step that failed
// rests for a while, twice as long each time, so that a sick device is not hammered.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "mel/batch_device.h"
#include "mel/call_cost.h"

namespace anynpu::mel {

struct BatchOptions {
  /// From a frame's arrival to its features.
  Duration deadline = milliseconds(20);
  /// Of one call; 0 is what the device can.
  std::size_t most_frames = 0;
  /// A number of frames that is always waited for, instead of the measured choice; 0 is none.
  std::size_t fixed_frames = 0;
  std::function<TimePoint()> now = [] { return Clock::now(); };
};

struct MelFrame {
  std::uint64_t stream = 0;
  std::uint64_t number = 0;  // within its stream
  std::array<std::int8_t, kFrameFeatures> features = {};
  std::string ran_on;    // the device's name, with "one by one" when not as a batch
  std::string fallback;  // why not an earlier step; empty when there was no reason
  Duration latency = {};
};

/// What has run so far; shown by /status.
struct BatchFigures {
  std::uint64_t frames = 0, calls = 0, frames_in_batches = 0, frames_one_by_one = 0,
                frames_on_cpu = 0, failures = 0, late = 0;
};

/// Used by one thread.
class BatchProcessor {
 public:
  /// `npu` may be null: then all runs on the CPU. Devices outlive the processor.
  BatchProcessor(BatchDevice* npu, BatchDevice& cpu, BatchOptions options = {});

  /// A frame of 400 samples of a stream. Features come from poll() and flush().
  void add(std::uint64_t stream, std::span<const std::int16_t, kFrameSamples> samples);
  /// Computes what is due now: enough frames, or a deadline that must not wait longer.
  std::vector<MelFrame> poll();
  /// When poll() should be called even if no frame comes before.
  std::optional<TimePoint> due() const;
  /// Computes all that waits.
  std::vector<MelFrame> flush();

  std::size_t waiting() const { return waiting_.size(); }
  /// How many frames a call should have by what was measured.
  std::size_t chosen_frames() const;
  const CallCost& cost() const { return cost_; }
  const BatchFigures& figures() const { return figures_; }

 private:
  struct Waiting {
    std::uint64_t stream, number;
    TimePoint arrived;
    std::array<std::int16_t, kFrameSamples> samples;
  };
  struct Step {  // a way that can fail
    TimePoint rests_until = {};
    Duration pause = {};
    std::string reason;
  };

  std::size_t most_frames() const;
  TimePoint latest_start(std::size_t frames) const;
  void run(std::size_t count, std::vector<MelFrame>& done);
  void failed(Step& step, const Error& error);
  bool rests(const Step& step) const;

  BatchDevice* npu_;
  BatchDevice& cpu_;
  BatchOptions options_;
  std::deque<Waiting> waiting_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> numbers_;  // next number of each stream
  CallCost cost_;
  Step batch_, single_;
  BatchFigures figures_;
};

}  // namespace anynpu::mel
