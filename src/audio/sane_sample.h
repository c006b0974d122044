// SPDX-License-Identifier: Apache-2.0
// Files of floats may hold any float.
#pragma once

#include <algorithm>
#include <cmath>

namespace anynpu::audio {

/// 0 for what is no number; else within a million times full scale, so that mixing, resampling and
/// powers of it stay finite.
inline float sane_sample(float sample) {
  constexpr float kMost = 1e6F;
  return std::isfinite(sample) ? std::clamp(sample, -kMost, kMost) : 0;
}

}  // namespace anynpu::audio
