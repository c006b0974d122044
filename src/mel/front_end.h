// SPDX-License-Identifier: Apache-2.0
// FrontEnd: turns samples into a log-mel spectrogram, on the fastest kernel of this processor.
//
//   auto front_end = mel::FrontEnd::create(mel::whisper());
//   std::vector<float> mel(front_end->bins() * front_end->frames(samples.size()));
//   front_end->compute(std::span<const float>(samples), mel.data());
//
// An item is what one call of compute() is given: padding lies around it, and the variants that
// look at the largest value look at the largest of the item. docs/mel.md has the references, the
// error bounds and the figures.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "mel/kernel.h"
#include "mel/options.h"

namespace anynpu::mel {

enum class Layout {
  kBinsFirst,    // out[bin * frames + frame], as Whisper and librosa have it
  kFramesFirst,  // out[frame * bins + bin], as Kaldi and streams have it
};

/// Copies share their tables. One object is used by one thread at a time.
class FrontEnd {
 public:
  /// kInvalid when the options cannot be computed.
  static Result<FrontEnd> create(const MelOptions& options);
  /// With one of kernels() instead of the best.
  static Result<FrontEnd> create(const MelOptions& options, const Kernel& kernel);

  FrontEnd(const FrontEnd& other);
  FrontEnd& operator=(const FrontEnd&) = delete;
  FrontEnd(FrontEnd&&) noexcept;
  FrontEnd& operator=(FrontEnd&&) noexcept;
  ~FrontEnd();

  const MelOptions& options() const { return plan_->options; }
  const Kernel& kernel() const { return *kernel_; }
  std::size_t bins() const { return static_cast<std::size_t>(plan_->options.bins); }
  /// How many frames an item of so many samples has.
  std::size_t frames(std::size_t samples) const;
  /// The first sample of a frame, negative in the padding, and one past its last one.
  std::ptrdiff_t first_sample(std::size_t frame) const;
  std::ptrdiff_t end_sample(std::size_t frame) const;

  /// Computes an item: bins() * frames(samples.size()) values. Samples are in [-1, 1] or int16.
  /// At most `threads` threads, and no more than are worth their start.
  void compute(std::span<const float> samples, float* out, Layout layout = Layout::kBinsFirst,
               int threads = 1);
  void compute(std::span<const std::int16_t> samples, float* out,
               Layout layout = Layout::kBinsFirst, int threads = 1);

  /// Frames [first, first + count) of the item whose samples from `base` on are `samples`, without
  /// what depends on the largest value; returns that. For streams: the samples of these frames, and
  /// those that their padding repeats, have to be there.
  float compute_frames(std::span<const float> samples, std::ptrdiff_t base, std::size_t first,
                       std::size_t count, float* out, Layout layout);
  /// What depends on the largest value of an item: Whisper's scale, librosa's top_db.
  void normalise(std::span<float> values, float largest) const;
  bool needs_largest() const;

 private:
  explicit FrontEnd(std::shared_ptr<const Plan> plan, const Kernel& kernel);
  struct Thread;  // what one thread works with

  template <typename Sample>
  void compute_item(std::span<const Sample> samples, float* out, Layout layout, int threads);
  template <typename Sample>
  float compute_range(Thread& thread, std::span<const Sample> samples, std::ptrdiff_t base,
                      std::size_t first, std::size_t count, float* out, std::size_t stride,
                      Layout layout) const;
  Thread& thread(std::size_t index);

  std::shared_ptr<const Plan> plan_;
  const Kernel* kernel_;
  std::vector<std::unique_ptr<Thread>> threads_;
};

}  // namespace anynpu::mel
