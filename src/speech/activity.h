// SPDX-License-Identifier: Apache-2.0
// Voice activity: how likely somebody speaks, for every 32 ms.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "runtime/served_model.h"

namespace anynpu::speech {

inline constexpr std::size_t kActivityFrame = 512;  // samples at 16 kHz

class Activity {
 public:
  virtual ~Activity() = default;
  /// Takes samples in pieces of any size, and appends a probability for every frame that is known
  /// now. At the end the last, shorter frame is known too.
  virtual Result<> push(std::span<const float> samples, bool end, std::vector<float>& out) = 0;
};

/// By loudness over what is quiet around: no model, and fooled by music.
std::unique_ptr<Activity> loudness_activity();

/// By Silero's network (its fourth version), which hears 96 ms at a time. `model` outlives it.
std::unique_ptr<Activity> silero_activity(runtime::ServedModel& model);
std::shared_ptr<const runtime::InputSource> silero_canary(std::vector<float> sound);

}  // namespace anynpu::speech
