// SPDX-License-Identifier: Apache-2.0
// Keeps the samples that frames to come need, and those that padding at the end would repeat.
#include "mel/stream.h"

#include <algorithm>

namespace anynpu::mel {
namespace {
constexpr std::ptrdiff_t kForgetAtOnce = 16384;  // samples; fewer are not worth moving the rest
}

std::size_t Stream::push(std::span<const float> samples, std::vector<float>& out) {
  if (ended_) {
    largest_ = -3e38F;
    ended_ = false;
  }
  kept_.insert(kept_.end(), samples.begin(), samples.end());
  const std::ptrdiff_t total = base_ + static_cast<std::ptrdiff_t>(kept_.size());
  // Padding on the left repeats up to pad_left samples after the first.
  if (total <= front_end_.options().pad_left) return 0;
  const auto hop = static_cast<std::ptrdiff_t>(front_end_.options().hop);
  // Frames of the whole item only ever become more with more samples.
  std::size_t end = front_end_.frames(static_cast<std::size_t>(total));
  const std::ptrdiff_t reach = front_end_.end_sample(0);
  const std::ptrdiff_t complete = total < reach ? 0 : (total - reach) / hop + 1;
  end = std::min(end, static_cast<std::size_t>(complete));
  const std::size_t count = emit(end, out);
  forget();
  return count;
}

std::size_t Stream::push(std::span<const std::int16_t> samples, std::vector<float>& out) {
  std::vector<float> converted(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i)
    converted[i] = static_cast<float>(samples[i]) / 32768.0F;
  return push(converted, out);
}

std::size_t Stream::finish(std::vector<float>& out) {
  if (ended_) largest_ = -3e38F;
  const std::ptrdiff_t total = base_ + static_cast<std::ptrdiff_t>(kept_.size());
  const std::size_t count = emit(front_end_.frames(static_cast<std::size_t>(total)), out);
  kept_.clear();
  base_ = 0;
  next_ = 0;
  ended_ = true;
  return count;
}

std::size_t Stream::emit(std::size_t end, std::vector<float>& out) {
  if (end <= next_) return 0;
  const std::size_t count = end - next_;
  const std::size_t size = out.size();
  out.resize(size + count * front_end_.bins());
  largest_ = std::max(largest_, front_end_.compute_frames(kept_, base_, next_, count,
                                                          out.data() + size, Layout::kFramesFirst));
  next_ = end;
  return count;
}

void Stream::forget() {
  const std::ptrdiff_t total = base_ + static_cast<std::ptrdiff_t>(kept_.size());
  const std::ptrdiff_t repeated =
      total - front_end_.options().pad_left - front_end_.options().transform;
  const std::ptrdiff_t needless = std::min(front_end_.first_sample(next_), repeated) - base_;
  if (needless < kForgetAtOnce) return;
  kept_.erase(kept_.begin(), kept_.begin() + needless);
  base_ += needless;
}

}  // namespace anynpu::mel
