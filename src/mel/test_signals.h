// SPDX-License-Identifier: Apache-2.0
// Signals for tests: like speech in that loud and quiet parts alternate over many frequencies.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

namespace anynpu::mel {

/// Uniform numbers in [-1, 1).
class Noise {
 public:
  explicit Noise(std::uint32_t seed) : state_(seed) {}
  double next() {
    state_ = state_ * 1664525U + 1013904223U;
    return static_cast<double>(static_cast<std::int32_t>(state_)) / 2147483648.0;
  }

 private:
  std::uint32_t state_;
};

/// Voiced syllables with gliding harmonics, noise between them, and silence.
inline std::vector<std::int16_t> speech_like(std::size_t samples, std::uint32_t seed = 1) {
  Noise noise(seed);
  std::vector<std::int16_t> signal(samples);
  double phase = 0;
  for (std::size_t i = 0; i < samples; ++i) {
    const double t = static_cast<double>(i) / 16000;
    const double syllable = std::fmod(t, 0.31) / 0.31;
    const double pitch = 110 + 40 * std::sin(2 * std::numbers::pi * 0.7 * t);
    phase += 2 * std::numbers::pi * pitch / 16000;
    double value = 0;
    if (syllable < 0.6) {
      for (int h = 1; h <= 30; ++h) value += std::sin(h * phase) / h;
      value *= 0.25 * std::sin(std::numbers::pi * syllable / 0.6);
    } else if (syllable < 0.85) {
      value = 0.03 * noise.next();
    }
    value += 0.0003 * noise.next();
    signal[i] = static_cast<std::int16_t>(std::lround(32767 * value));
  }
  return signal;
}

inline std::vector<double> as_double(const std::vector<std::int16_t>& samples) {
  std::vector<double> result;
  for (std::int16_t s : samples) result.push_back(s / 32768.0);
  return result;
}

inline std::vector<float> as_float(const std::vector<std::int16_t>& samples) {
  std::vector<float> result;
  for (std::int16_t s : samples) result.push_back(static_cast<float>(s) / 32768.0F);
  return result;
}

}  // namespace anynpu::mel
