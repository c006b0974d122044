// SPDX-License-Identifier: Apache-2.0
// Batches on a simulated NPU with 213 microseconds per call, on a virtual clock.
#include "mel/batch_processor.h"

#include <cstdio>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mel/simulated_npu.h"
#include "mel/test_signals.h"
#include "mel/xdna/mel_kernel.h"

namespace anynpu::mel {
namespace {

constexpr double kCallUs = 213;
// 16 tiles at 1 GHz, 8 lanes: about 5,600 vector operations per 8 frames are well below this.
constexpr double kFrameUs = 4;

using FrameSpan = std::span<const std::int16_t, kFrameSamples>;

std::vector<std::int16_t> samples_of(std::size_t frames) {
  return speech_like((frames - 1) * 160 + 400, 31);
}
FrameSpan frame_at(const std::vector<std::int16_t>& samples, std::size_t frame) {
  return FrameSpan(samples.data() + frame * 160, kFrameSamples);
}

struct Rig {
  explicit Rig(std::size_t most = 64, double frame_us = kFrameUs)
      : npu(clock, kCallUs, frame_us, most) {}
  BatchOptions options(std::size_t fixed = 0, Duration deadline = milliseconds(20)) {
    BatchOptions o;
    o.deadline = deadline;
    o.fixed_frames = fixed;
    o.now = [this] { return clock.now(); };
    return o;
  }
  VirtualClock clock;
  SimulatedNpu npu;
  std::unique_ptr<BatchDevice> cpu = cpu_batch_device();
};

/// Microseconds per frame when there is always enough to do.
double busy_per_frame(std::size_t fixed, std::size_t frames, std::size_t most = 64) {
  Rig rig(most);
  rig.npu.computes = false;
  BatchProcessor processor(&rig.npu, *rig.cpu, rig.options(fixed, seconds(10)));
  const auto samples = samples_of(1);
  std::size_t done = 0;
  for (std::size_t i = 0; i < frames; ++i) processor.add(0, frame_at(samples, 0));
  done += processor.poll().size();
  done += processor.flush().size();
  EXPECT_EQ(done, frames);
  return rig.npu.busy_us / static_cast<double>(frames);
}

TEST(BatchProcessor, TenFramesPerCallAreSixTimesAndTwentyTwelveTimesAsFast) {
  const double single = busy_per_frame(1, 400);
  const double ten = single / busy_per_frame(10, 400);
  const double twenty = single / busy_per_frame(20, 400);
  std::printf("    over single calls: batch 10 %.2fx, batch 20 %.2fx\n", ten, twenty);
  EXPECT_GE(ten, 6);
  EXPECT_GE(twenty, 12);
}

TEST(BatchProcessor, TheChoiceIsWithinFivePercentOfTheBestFixedSizeWithABacklog) {
  for (std::size_t most : {10, 20, 64})
    for (std::size_t frames : {64, 100, 400, 1000}) {
      const double chosen = busy_per_frame(0, frames, most);
      double best = 1e30;
      for (std::size_t fixed = 1; fixed <= most; ++fixed)
        best = std::min(best, busy_per_frame(fixed, frames, most));
      EXPECT_LE(chosen, best * 1.05) << frames << " frames, at most " << most;
    }
}

struct Live {
  double busy_us = 0;
  std::uint64_t late = 0;
};

/// Streams that each bring a frame every 10 ms, for three seconds after a second of measuring.
Live live(std::size_t fixed, std::size_t streams, Duration deadline) {
  Rig rig;
  rig.npu.computes = false;
  BatchProcessor processor(&rig.npu, *rig.cpu, rig.options(fixed, deadline));
  const auto samples = samples_of(1);
  Live result;
  std::size_t done = 0;
  const TimePoint start = rig.clock.now();
  const std::size_t frames = 400 * streams;
  for (std::size_t i = 0; i < frames; ++i) {
    const TimePoint arrival =
        start + std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(
                    10.0 * static_cast<double>(i) / static_cast<double>(streams)));
    while (auto due = processor.due()) {
      if (*due > arrival) break;
      rig.clock.advance_to(*due);
      done += processor.poll().size();
    }
    rig.clock.advance_to(arrival);
    processor.add(i % streams, frame_at(samples, 0));
    done += processor.poll().size();
    if (i == 100 * streams) {
      result.busy_us = -rig.npu.busy_us;
      result.late = 0 - processor.figures().late;
    }
  }
  done += processor.flush().size();
  EXPECT_EQ(done, frames);
  result.busy_us += rig.npu.busy_us;
  result.late += processor.figures().late;
  return result;
}

TEST(BatchProcessor, TheChoiceIsWithinFivePercentOfTheBestFixedSizeThatMeetsTheDeadline) {
  for (std::size_t streams : {1, 4, 16, 40})
    for (Duration deadline :
         {Duration(milliseconds(5)), Duration(milliseconds(20)), Duration(milliseconds(100))}) {
      const Live chosen = live(0, streams, deadline);
      double best = 1e30;
      for (std::size_t fixed : {1, 2, 4, 8, 10, 16, 20, 32, 48, 64}) {
        const Live one = live(fixed, streams, deadline);
        if (one.late <= chosen.late) best = std::min(best, one.busy_us);
      }
      EXPECT_EQ(chosen.late, 0U) << streams << " streams, " << to_ms(deadline) << " ms";
      EXPECT_LE(chosen.busy_us, best * 1.05) << streams << " streams, " << to_ms(deadline) << " ms";
    }
}

TEST(BatchProcessor, EveryFrameGoesBackToItsStreamInOrder) {
  Rig rig;
  BatchProcessor processor(&rig.npu, *rig.cpu, rig.options());
  const auto samples = samples_of(90);
  std::vector<std::int8_t> want(90 * kFrameFeatures);
  std::vector<std::int32_t> scratch(xdna::kScratchWords);
  anynpu_mel_batch(samples.data(), want.data(), scratch.data(), 90, 160);
  std::vector<MelFrame> done;
  for (std::size_t i = 0; i < 90; ++i) {
    processor.add(i % 3, frame_at(samples, i));
    for (MelFrame& frame : processor.poll()) done.push_back(frame);
  }
  for (MelFrame& frame : processor.flush()) done.push_back(frame);
  ASSERT_EQ(done.size(), 90U);
  std::map<std::uint64_t, std::uint64_t> next;
  for (const MelFrame& frame : done) {
    EXPECT_EQ(frame.number, next[frame.stream]++);
    EXPECT_EQ(frame.ran_on, "npu");
    EXPECT_EQ(frame.fallback, "");
    const std::size_t index = frame.number * 3 + frame.stream;
    for (std::size_t bin = 0; bin < kFrameFeatures; ++bin)
      ASSERT_EQ(frame.features[bin], want[index * kFrameFeatures + bin]);
  }
}

TEST(BatchProcessor, AFailedBatchRunsFrameByFrameOnTheNpu) {
  Rig rig;
  rig.npu.fail_batches = true;
  BatchProcessor processor(&rig.npu, *rig.cpu, rig.options(4));
  const auto samples = samples_of(4);
  for (std::size_t i = 0; i < 4; ++i) processor.add(0, frame_at(samples, i));
  const std::vector<MelFrame> done = processor.poll();
  ASSERT_EQ(done.size(), 4U);
  for (const MelFrame& frame : done) {
    EXPECT_EQ(frame.ran_on, "npu one by one");
    EXPECT_EQ(frame.fallback, "the batch timed out");
  }
  EXPECT_EQ(rig.npu.calls, 5U);
  EXPECT_EQ(processor.figures().frames_one_by_one, 4U);
  EXPECT_EQ(processor.figures().frames_on_cpu, 0U);
}

TEST(BatchProcessor, AFailedNpuIsReplacedByTheCpuAndLeftInPeace) {
  Rig rig;
  BatchProcessor processor(&rig.npu, *rig.cpu, rig.options(4));
  const auto samples = samples_of(4);
  auto four = [&] {
    for (std::size_t i = 0; i < 4; ++i) processor.add(0, frame_at(samples, i));
    return processor.poll();
  };
  const std::vector<MelFrame> healthy = four();
  rig.npu.fail_all = true;
  std::vector<MelFrame> done = four();
  ASSERT_EQ(done.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(done[i].ran_on, "cpu");
    EXPECT_EQ(done[i].fallback, "the device is gone");
    EXPECT_EQ(done[i].features, healthy[i].features);
  }
  const std::size_t calls = rig.npu.calls;
  EXPECT_EQ(calls, 3U);  // the batch that ran, the one that did not, and one frame
  done = four();
  EXPECT_EQ(rig.npu.calls, calls) << "a sick device was called again at once";
  EXPECT_EQ(done[0].ran_on, "cpu");
  EXPECT_THAT(done[0].fallback, testing::HasSubstr("rests after: the device is gone"));
  // Pauses grow while it stays sick, and end when it is well.
  rig.clock.advance(150e3);
  four();
  EXPECT_EQ(rig.npu.calls, calls + 2);
  rig.clock.advance(150e3);
  four();
  EXPECT_EQ(rig.npu.calls, calls + 2);
  rig.npu.fail_all = false;
  rig.clock.advance(100e3);
  done = four();
  EXPECT_EQ(done[0].ran_on, "npu");
  EXPECT_EQ(done[0].fallback, "");
}

TEST(BatchProcessor, WithoutAnNpuTheCpuComputesAtOnce) {
  Rig rig;
  BatchProcessor processor(nullptr, *rig.cpu, rig.options());
  const auto samples = samples_of(1);
  processor.add(7, frame_at(samples, 0));
  const std::vector<MelFrame> done = processor.poll();
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].ran_on, "cpu");
  EXPECT_EQ(done[0].fallback, "there is no NPU");
  EXPECT_EQ(processor.due(), std::nullopt);
}

TEST(CallCost, FindsTheLine) {
  CallCost cost;
  EXPECT_FALSE(cost.known());
  cost.add(1, 217);
  EXPECT_EQ(cost.per_call(), 217);
  EXPECT_EQ(cost.per_frame(), 0);
  for (std::size_t frames : {1, 10, 20, 3})
    cost.add(frames, 213 + 4.0 * static_cast<double>(frames));
  EXPECT_NEAR(cost.per_call(), 213, 1e-6);
  EXPECT_NEAR(cost.per_frame(), 4, 1e-6);
  EXPECT_EQ(cost.worthwhile(64, 0), 64U);
  EXPECT_LT(cost.worthwhile(64, 0.05), 64U);
}

}  // namespace
}  // namespace anynpu::mel
