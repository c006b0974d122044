// SPDX-License-Identifier: Apache-2.0
// Stream: the frames of an item whose samples arrive in pieces of any size.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "mel/front_end.h"

namespace anynpu::mel {

/// Gives bit for bit the frames of FrontEnd::compute() over all the samples, each as soon as its
/// samples are there. What depends on the largest value of the item (Whisper's scale, top_db) can
/// only be known at its end: call FrontEnd::normalise() with largest() then.
class Stream {
 public:
  /// `front_end` outlives the stream.
  explicit Stream(FrontEnd& front_end) : front_end_(front_end) {}

  /// Appends the frames that are complete now to `out`, bins() values each; returns how many.
  std::size_t push(std::span<const float> samples, std::vector<float>& out);
  std::size_t push(std::span<const std::int16_t> samples, std::vector<float>& out);
  /// No more samples: appends the frames that reach into the padding. Starts anew after that.
  std::size_t finish(std::vector<float>& out);

  /// Of the frames since the last start.
  float largest() const { return largest_; }

 private:
  std::size_t emit(std::size_t end, std::vector<float>& out);
  void forget();

  FrontEnd& front_end_;
  std::vector<float> kept_;  // the samples from base_ on
  std::ptrdiff_t base_ = 0;  // place in the item of kept_[0]
  std::size_t next_ = 0;     // frame
  float largest_ = -3e38F;
  bool ended_ = false;
};

}  // namespace anynpu::mel
