// SPDX-License-Identifier: Apache-2.0
// What the kernels are tested against: mel spectrograms straight from the definitions, in double
// precision, with nothing shared with the code under test but the options.
#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <numbers>
#include <vector>

#include "mel/options.h"

namespace anynpu::mel {

inline double reference_mel(double hz, Scale scale) {
  if (scale == Scale::kHtk) return 1127.0 * std::log(1.0 + hz / 700.0);
  return hz < 1000 ? 3 * hz / 200 : 15 + 27 * std::log(hz / 1000) / std::log(6.4);
}

/// By bisection, so that no formula is inverted here.
inline double reference_hz(double mel, Scale scale) {
  double low = 0, high = 1e6;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (reference_mel(middle, scale) < mel ? low : high) = middle;
  }
  return low;
}

inline std::vector<std::vector<double>> reference_filters(const MelOptions& o) {
  const double low = reference_mel(o.low_hz, o.scale), high = reference_mel(o.high_hz, o.scale);
  auto point = [&](int i) { return low + (high - low) * i / (o.bins + 1); };
  std::vector<std::vector<double>> filters;
  for (int bin = 0; bin < o.bins; ++bin) {
    auto position = [&](double hz) { return o.triangles_in_mel ? reference_mel(hz, o.scale) : hz; };
    double left = reference_hz(point(bin), o.scale), right = reference_hz(point(bin + 2), o.scale);
    double centre = reference_hz(point(bin + 1), o.scale);
    const double norm = o.slaney_norm ? 2 / (right - left) : 1;
    left = position(left), centre = position(centre), right = position(right);
    std::vector<double> weights;
    for (int k = 0; k <= o.transform / 2; ++k) {
      const double x = position(static_cast<double>(k) * o.sample_rate / o.transform);
      double weight = 0;
      if (x > left && x <= centre) weight = (x - left) / (centre - left);
      if (x > centre && x < right) weight = (right - x) / (right - centre);
      weights.push_back(weight * norm);
    }
    filters.push_back(weights);
  }
  return filters;
}

inline double reference_window(const MelOptions& o, int i) {
  const double n = o.window_length;
  auto cosine = [&](double period) { return std::cos(2 * std::numbers::pi * i / period); };
  switch (o.window) {
    case Window::kHann:
      return 0.5 * (1 - cosine(n));
    case Window::kHannSymmetric:
      return 0.5 * (1 - cosine(n - 1));
    case Window::kPovey:
      return std::pow(0.5 * (1 - cosine(n - 1)), 0.85);
    case Window::kHamming:
      return 0.54 - 0.46 * cosine(n - 1);
    case Window::kOnes:
      return 1;
  }
  return 0;
}

inline double reference_sample(const std::vector<double>& s, std::ptrdiff_t i, Padding padding) {
  const auto n = static_cast<std::ptrdiff_t>(s.size());
  while (i < 0 || i >= n) {
    if (padding == Padding::kZeros || padding == Padding::kNone) return 0;
    const std::ptrdiff_t edge = padding == Padding::kMirror ? 1 : 0;
    i = i < 0 ? -i - edge : 2 * (n - 1) + edge - i;
  }
  return s[static_cast<std::size_t>(i)];
}

struct ReferenceMel {
  std::size_t frames = 0;
  std::vector<double> energies;  // [frame][bin], before the logarithm
  std::vector<double> values;    // [frame][bin], all of it
};

/// Samples in [-1, 1]. `frames` as the reference counts them; see the tests.
inline ReferenceMel reference(const MelOptions& o, const std::vector<double>& samples,
                              std::size_t frames) {
  ReferenceMel result;
  result.frames = frames;
  const auto filters = reference_filters(o);
  const int offset = o.window_in_middle ? (o.transform - o.window_length) / 2 : 0;
  std::vector<std::complex<double>> roots;
  for (int i = 0; i < o.transform; ++i)
    roots.push_back(std::polar(1.0, -2 * std::numbers::pi * i / o.transform));
  std::vector<double> window;
  for (int i = 0; i < o.window_length; ++i) window.push_back(reference_window(o, i));
  double largest = -1e300;
  for (std::size_t frame = 0; frame < frames; ++frame) {
    std::vector<double> s;
    for (int i = 0; i < o.window_length; ++i)
      s.push_back(o.sample_scale *
                  reference_sample(
                      samples, static_cast<std::ptrdiff_t>(frame) * o.hop - o.pad_left + offset + i,
                      o.padding));
    if (o.remove_dc) {
      double mean = 0;
      for (double x : s) mean += x / o.window_length;
      for (double& x : s) x -= mean;
    }
    if (o.preemphasis != 0) {
      for (std::size_t i = s.size() - 1; i > 0; --i) s[i] -= o.preemphasis * s[i - 1];
      s[0] -= o.preemphasis * s[0];
    }
    for (std::size_t i = 0; i < s.size(); ++i) s[i] *= window[i];
    std::vector<double> spectrum;
    for (int k = 0; k <= o.transform / 2; ++k) {
      std::complex<double> sum = 0;
      for (int i = 0; i < o.window_length; ++i)
        sum += s[static_cast<std::size_t>(i)] *
               roots[static_cast<std::size_t>(static_cast<std::int64_t>(k) * (i + offset) %
                                              o.transform)];
      spectrum.push_back(o.magnitude ? std::abs(sum) : std::norm(sum));
    }
    for (const auto& filter : filters) {
      double energy = 0;
      for (std::size_t k = 0; k < spectrum.size(); ++k) energy += filter[k] * spectrum[k];
      result.energies.push_back(energy);
      const double floored = std::max(energy, o.floor);
      double value = energy;
      if (o.logarithm == Logarithm::kNatural) value = std::log(floored);
      if (o.logarithm == Logarithm::kBase10) value = std::log10(floored);
      if (o.logarithm == Logarithm::kDecibel) value = 10 * std::log10(floored);
      result.values.push_back(value);
      largest = std::max(largest, value);
    }
  }
  for (double& value : result.values) {
    if (o.whisper_normalised) value = (std::max(value, largest - 8) + 4) / 4;
    if (o.top_db > 0) value = std::max(value, largest - o.top_db);
  }
  return result;
}

}  // namespace anynpu::mel
