// SPDX-License-Identifier: Apache-2.0
// When to call, with how many frames, and what to do when a call fails.
#include "mel/batch_processor.h"

#include <algorithm>

#include <fmt/format.h>

namespace anynpu::mel {
namespace {

// A larger batch has to be this much better per frame to be waited for.
constexpr double kWorthWaitingFor = 0.02;
// Calls are not always as fast as the last ones.
constexpr double kMargin = 1.1;
constexpr Duration kFirstPause = milliseconds(100);
constexpr Duration kLongestPause = seconds(60);

double to_us(Duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}
Duration from_us(double us) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::micro>(us));
}

}  // namespace

BatchProcessor::BatchProcessor(BatchDevice* npu, BatchDevice& cpu, BatchOptions options)
    : npu_(npu), cpu_(cpu), options_(std::move(options)) {}

std::size_t BatchProcessor::most_frames() const {
  const std::size_t can = npu_ == nullptr ? cpu_.most_frames() : npu_->most_frames();
  return options_.most_frames == 0 ? can : std::min(can, options_.most_frames);
}

std::size_t BatchProcessor::chosen_frames() const {
  if (options_.fixed_frames > 0) return std::min(options_.fixed_frames, most_frames());
  // Nothing measured yet, or nothing to share: do not wait.
  if (npu_ == nullptr || !cost_.known()) return 1;
  return cost_.worthwhile(most_frames(), kWorthWaitingFor);
}

void BatchProcessor::add(std::uint64_t stream,
                         std::span<const std::int16_t, kFrameSamples> samples) {
  auto place =
      std::lower_bound(numbers_.begin(), numbers_.end(), std::pair(stream, std::uint64_t{0}));
  if (place == numbers_.end() || place->first != stream)
    place = numbers_.insert(place, {stream, 0});
  Waiting frame = {stream, place->second++, options_.now(), {}};
  std::copy(samples.begin(), samples.end(), frame.samples.begin());
  waiting_.push_back(frame);
}

TimePoint BatchProcessor::latest_start(std::size_t frames) const {
  return waiting_.front().arrived + options_.deadline - from_us(kMargin * cost_.of(frames));
}

std::optional<TimePoint> BatchProcessor::due() const {
  if (waiting_.empty()) return std::nullopt;
  const std::size_t count = std::min(waiting_.size(), most_frames());
  if (count >= chosen_frames()) return options_.now();
  return latest_start(count);
}

std::vector<MelFrame> BatchProcessor::poll() {
  std::vector<MelFrame> done;
  while (!waiting_.empty()) {
    const std::size_t most = most_frames();
    const std::size_t count = std::min(waiting_.size(), most);
    if (count < chosen_frames() && options_.now() < latest_start(count)) break;
    // A backlog is spread over as few calls as hold it.
    std::size_t share = options_.fixed_frames > 0 ? std::min(count, chosen_frames()) : count;
    if (options_.fixed_frames == 0 && waiting_.size() > most) {
      const std::size_t calls = (waiting_.size() + most - 1) / most;
      share = (waiting_.size() + calls - 1) / calls;
    }
    run(share, done);
  }
  return done;
}

std::vector<MelFrame> BatchProcessor::flush() {
  std::vector<MelFrame> done;
  while (!waiting_.empty()) {
    const std::size_t most = options_.fixed_frames > 0 ? chosen_frames() : most_frames();
    run(std::min(waiting_.size(), most), done);
  }
  return done;
}

bool BatchProcessor::rests(const Step& step) const {
  return options_.now() < step.rests_until;
}

void BatchProcessor::failed(Step& step, const Error& error) {
  ++figures_.failures;
  step.pause = step.pause == Duration() ? kFirstPause : std::min(step.pause * 2, kLongestPause);
  step.rests_until = options_.now() + step.pause;
  step.reason = error.message;
}

void BatchProcessor::run(std::size_t count, std::vector<MelFrame>& done) {
  std::vector<std::int16_t> samples;
  samples.reserve(count * kFrameSamples);
  for (std::size_t i = 0; i < count; ++i)
    samples.insert(samples.end(), waiting_[i].samples.begin(), waiting_[i].samples.end());
  std::vector<std::int8_t> features(count * kFrameFeatures);
  std::vector<MelFrame> frames(count);
  std::string why = npu_ == nullptr ? "there is no NPU" : "";
  std::size_t computed = 0;

  auto call = [&](BatchDevice& device, std::size_t first, std::size_t number) {
    ++figures_.calls;
    return device.run(std::span(samples).subspan(first * kFrameSamples, number * kFrameSamples),
                      std::span(features).subspan(first * kFrameFeatures, number * kFrameFeatures));
  };
  auto mark = [&](std::size_t first, std::size_t number, const std::string& name) {
    for (std::size_t i = first; i < first + number; ++i) {
      frames[i].ran_on = name;
      frames[i].fallback = why;
    }
  };

  if (npu_ != nullptr && rests(batch_)) {
    why = fmt::format("{} rests after: {}", npu_->name(), batch_.reason);
  } else if (npu_ != nullptr) {
    const TimePoint start = options_.now();
    if (auto result = call(*npu_, 0, count)) {
      cost_.add(count, to_us(options_.now() - start));
      batch_ = single_ = {};
      mark(0, count, npu_->name());
      computed = count;
      figures_.frames_in_batches += count;
    } else {
      failed(batch_, result.error());
      why = result.error().message;
    }
  }
  while (npu_ != nullptr && computed < count && !rests(single_)) {
    if (auto result = call(*npu_, computed, 1)) {
      mark(computed, 1, npu_->name() + " one by one");
      ++computed;
      ++figures_.frames_one_by_one;
      single_ = {};
    } else {
      failed(single_, result.error());
      why = result.error().message;
    }
  }
  for (const std::size_t most = cpu_.most_frames(); computed < count;) {
    const std::size_t number = std::min(most, count - computed);
    if (auto result = call(cpu_, computed, number); !result) {
      why = result.error().message;
      mark(computed, number, "");
    } else {
      mark(computed, number, cpu_.name());
      figures_.frames_on_cpu += number;
    }
    computed += number;
  }

  const TimePoint end = options_.now();
  for (std::size_t i = 0; i < count; ++i) {
    const Waiting& source = waiting_.front();
    frames[i].stream = source.stream;
    frames[i].number = source.number;
    frames[i].latency = end - source.arrived;
    if (frames[i].latency > options_.deadline) ++figures_.late;
    std::copy_n(features.begin() + static_cast<std::ptrdiff_t>(i * kFrameFeatures), kFrameFeatures,
                frames[i].features.begin());
    waiting_.pop_front();
  }
  figures_.frames += count;
  std::move(frames.begin(), frames.end(), std::back_inserter(done));
}

}  // namespace anynpu::mel
