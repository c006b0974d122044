// SPDX-License-Identifier: Apache-2.0
// BatchDevice: something that computes mel features of collected frames: an NPU, or this processor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace anynpu::mel {

inline constexpr std::size_t kFrameSamples = 400;
inline constexpr std::size_t kFrameFeatures = 80;

class BatchDevice {
 public:
  virtual ~BatchDevice() = default;
  virtual std::string name() const = 0;
  /// The most frames of one call.
  virtual std::size_t most_frames() const = 0;
  /// `samples` has 400 int16 of each frame, `features` takes 80 int8 of each; mel/xdna/mel_kernel.h
  /// says what they mean.
  virtual Result<> run(std::span<const std::int16_t> samples, std::span<std::int8_t> features) = 0;
};

/// The kernel of the tiles, on this processor: the same features bit for bit.
std::unique_ptr<BatchDevice> cpu_batch_device();

}  // namespace anynpu::mel
