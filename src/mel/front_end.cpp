// SPDX-License-Identifier: Apache-2.0
// Cuts an item into blocks of frames for the kernels, with padding at its ends, over threads.
#include "mel/front_end.h"

#include <algorithm>
#include <thread>

namespace anynpu::mel {
namespace {

// A thread that has less to do than this costs more than it saves.
constexpr std::size_t kFewestFramesPerThread = 512;

// The place in [0, count) of the sample that padding puts at `index`, or -1 for a zero.
std::ptrdiff_t padded_index(std::ptrdiff_t index, std::ptrdiff_t count, Padding padding) {
  if (index >= 0 && index < count) return index;
  if (padding == Padding::kNone || padding == Padding::kZeros || count == 0) return -1;
  if (padding == Padding::kReflect && count == 1) return 0;
  const std::ptrdiff_t period = padding == Padding::kReflect ? 2 * (count - 1) : 2 * count;
  index %= period;
  if (index < 0) index += period;
  if (index < count) return index;
  return padding == Padding::kReflect ? period - index : period - 1 - index;
}

}  // namespace

struct FrontEnd::Thread {
  explicit Thread(const Plan& plan) : workspace(plan) {
    block.resize(static_cast<std::size_t>(plan.options.bins) * kBlockFrames);
  }
  template <typename Sample>
  std::vector<Sample>& padded();

  Workspace workspace;
  std::vector<float> block;  // [bins][kBlockFrames]
  std::vector<float> padded_float;
  std::vector<std::int16_t> padded_int16;
};

template <>
std::vector<float>& FrontEnd::Thread::padded() {
  return padded_float;
}
template <>
std::vector<std::int16_t>& FrontEnd::Thread::padded() {
  return padded_int16;
}

FrontEnd::FrontEnd(std::shared_ptr<const Plan> plan, const Kernel& kernel)
    : plan_(std::move(plan)), kernel_(&kernel) {}
FrontEnd::FrontEnd(const FrontEnd& other) : FrontEnd(other.plan_, *other.kernel_) {}
FrontEnd::FrontEnd(FrontEnd&&) noexcept = default;
FrontEnd& FrontEnd::operator=(FrontEnd&&) noexcept = default;
FrontEnd::~FrontEnd() = default;

Result<FrontEnd> FrontEnd::create(const MelOptions& options) {
  return create(options, kernels().front());
}

Result<FrontEnd> FrontEnd::create(const MelOptions& options, const Kernel& kernel) {
  ANYNPU_CHECK(check(options));
  return FrontEnd(std::make_shared<const Plan>(make_plan(options, kernel.lanes)), kernel);
}

std::size_t FrontEnd::frames(std::size_t samples) const {
  const MelOptions& options = plan_->options;
  const auto hop = static_cast<std::size_t>(options.hop);
  if (samples == 0) return 0;
  if (options.padding == Padding::kMirror) return (samples + hop / 2) / hop;
  const auto span = static_cast<std::size_t>(options.window_in_middle ? options.transform
                                                                      : options.window_length);
  std::size_t padded = samples;
  if (options.padding != Padding::kNone) padded += 2 * static_cast<std::size_t>(options.pad_left);
  if (padded < span) return 0;
  const std::size_t count = 1 + (padded - span) / hop;
  return options.drop_last_frame ? count - 1 : count;
}

std::ptrdiff_t FrontEnd::first_sample(std::size_t frame) const {
  return static_cast<std::ptrdiff_t>(frame) * plan_->options.hop - plan_->options.pad_left +
         plan_->window_offset;
}

std::ptrdiff_t FrontEnd::end_sample(std::size_t frame) const {
  return first_sample(frame) + plan_->options.window_length;
}

bool FrontEnd::needs_largest() const {
  return plan_->options.whisper_normalised || plan_->options.top_db > 0;
}

void FrontEnd::normalise(std::span<float> values, float largest) const {
  if (plan_->options.whisper_normalised)
    kernel_->clamp_scale(values, largest - 8, 0.25F, 1);
  else if (plan_->options.top_db > 0)
    kernel_->clamp_scale(values, largest - static_cast<float>(plan_->options.top_db), 1, 0);
}

FrontEnd::Thread& FrontEnd::thread(std::size_t index) {
  while (threads_.size() <= index) threads_.push_back(std::make_unique<Thread>(*plan_));
  return *threads_[index];
}

template <typename Sample>
float FrontEnd::compute_range(Thread& thread, std::span<const Sample> samples, std::ptrdiff_t base,
                              std::size_t first, std::size_t count, float* out, std::size_t stride,
                              Layout layout) const {
  const MelOptions& options = plan_->options;
  const std::ptrdiff_t hop = options.hop;
  const auto available = static_cast<std::ptrdiff_t>(samples.size());
  float largest = -3e38F;
  for (std::size_t done = 0; done < count; done += kBlockFrames) {
    const auto frames = static_cast<int>(std::min<std::size_t>(kBlockFrames, count - done));
    const std::ptrdiff_t start = first_sample(first + done) - base;
    // The kernel of 400 points reads whole hops; the general one the windows.
    const std::ptrdiff_t extent =
        plan_->fast400 ? (frames + (400 + hop - 1) / hop - 1) * hop
                       : (frames - 1) * hop + static_cast<std::ptrdiff_t>(options.window_length);
    Block<Sample> block;
    if (start >= 0 && start + extent <= available) {
      block.samples = samples.data() + start;
      block.readable = static_cast<std::size_t>(available - start);
    } else {
      auto& padded = thread.padded<Sample>();
      padded.resize(static_cast<std::size_t>(extent));
      for (std::ptrdiff_t i = 0; i < extent; ++i) {
        const std::ptrdiff_t from = padded_index(start + i, available, options.padding);
        padded[static_cast<std::size_t>(i)] =
            from < 0 ? Sample() : samples[static_cast<std::size_t>(from)];
      }
      block.samples = padded.data();
      block.readable = padded.size();
    }
    block.frames = frames;
    const bool direct = layout == Layout::kBinsFirst;
    block.out = direct ? out + done : thread.block.data();
    block.stride = direct ? static_cast<std::ptrdiff_t>(stride) : kBlockFrames;
    if constexpr (std::is_same_v<Sample, float>)
      largest = std::max(largest, kernel_->run(*plan_, block, thread.workspace));
    else
      largest = std::max(largest, kernel_->run_int16(*plan_, block, thread.workspace));
    if (direct) continue;
    float* rows = out + done * bins();
    for (std::size_t frame = 0; frame < static_cast<std::size_t>(frames); ++frame)
      for (std::size_t bin = 0; bin < bins(); ++bin)
        rows[frame * bins() + bin] = thread.block[bin * kBlockFrames + frame];
  }
  return largest;
}

template <typename Sample>
void FrontEnd::compute_item(std::span<const Sample> samples, float* out, Layout layout,
                            int threads) {
  const std::size_t count = frames(samples.size());
  if (count == 0) return;
  const auto wanted = static_cast<std::size_t>(std::max(threads, 1));
  const std::size_t workers =
      std::clamp<std::size_t>(count / kFewestFramesPerThread, 1, std::min<std::size_t>(wanted, 64));
  const std::size_t blocks = (count + kBlockFrames - 1) / kBlockFrames;
  const std::size_t share = (blocks + workers - 1) / workers * kBlockFrames;
  std::vector<float> largest(workers, -3e38F);
  auto work = [&](std::size_t index) {
    const std::size_t first = index * share;
    if (first >= count) return;
    float* at = layout == Layout::kBinsFirst ? out + first : out + first * bins();
    largest[index] = compute_range(*threads_[index], samples, 0, first,
                                   std::min(share, count - first), at, count, layout);
  };
  thread(workers - 1);
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < workers; ++i) others.emplace_back(work, i);
    work(0);
  }
  if (needs_largest())
    normalise({out, count * bins()}, *std::max_element(largest.begin(), largest.end()));
}

void FrontEnd::compute(std::span<const float> samples, float* out, Layout layout, int threads) {
  compute_item(samples, out, layout, threads);
}

void FrontEnd::compute(std::span<const std::int16_t> samples, float* out, Layout layout,
                       int threads) {
  compute_item(samples, out, layout, threads);
}

float FrontEnd::compute_frames(std::span<const float> samples, std::ptrdiff_t base,
                               std::size_t first, std::size_t count, float* out, Layout layout) {
  return compute_range(thread(0), samples, base, first, count, out, count, layout);
}

}  // namespace anynpu::mel
