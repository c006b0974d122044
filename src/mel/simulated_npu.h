// SPDX-License-Identifier: Apache-2.0
// SimulatedNpu: the tile's kernel behind the overhead of a real NPU's calls, on a clock of its own.
//
// 213 microseconds per call is what has been published for a dispatch on Ryzen AI; what a frame
// takes on a tile is an assumption of the tests, which state it.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "mel/batch_device.h"

namespace anynpu::mel {

class VirtualClock {
 public:
  TimePoint now() const { return now_; }
  void advance(double duration) {  // microseconds
    now_ +=
        std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::micro>(duration));
  }
  void advance_to(TimePoint time) {
    if (time > now_) now_ = time;
  }

 private:
  TimePoint now_ = TimePoint() + seconds(1000);
};

class SimulatedNpu : public BatchDevice {
 public:
  SimulatedNpu(VirtualClock& clock, double call_us, double frame_us, std::size_t most)
      : clock_(clock), call_us_(call_us), frame_us_(frame_us), most_(most) {}

  std::string name() const override { return "npu"; }
  std::size_t most_frames() const override { return most_; }
  Result<> run(std::span<const std::int16_t> samples, std::span<std::int8_t> features) override {
    const std::size_t frames = samples.size() / kFrameSamples;
    ++calls;
    const double took = call_us_ + frame_us_ * static_cast<double>(frames);
    busy_us += took;
    clock_.advance(took);
    if (frames > 1 && fail_batches) return Error{Code::kDevice, "the batch timed out"};
    if (fail_all) return Error{Code::kDevice, "the device is gone"};
    return computes ? cpu_->run(samples, features) : Result<>();
  }

  bool computes = true;  // without, only its clock runs
  bool fail_batches = false, fail_all = false;
  std::size_t calls = 0;
  double busy_us = 0;

 private:
  VirtualClock& clock_;
  double call_us_, frame_us_;
  std::size_t most_;
  std::unique_ptr<BatchDevice> cpu_ = cpu_batch_device();
};

}  // namespace anynpu::mel
