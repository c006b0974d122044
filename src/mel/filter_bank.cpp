// SPDX-License-Identifier: Apache-2.0
// Windows and mel filters in double precision, as librosa (Slaney, HTK) and Kaldi define them.
#include "mel/filter_bank.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace anynpu::mel {
namespace {

// Slaney's scale: linear to 1 kHz, then 27 steps for each factor of 6.4.
constexpr double kLinearStep = 200.0 / 3;
constexpr double kBreakHz = 1000;
constexpr double kBreakMel = kBreakHz / kLinearStep;
const double kLogStep = std::log(6.4) / 27;

double triangle(double x, double left, double centre, double right) {
  return std::min((x - left) / (centre - left), (right - x) / (right - centre));
}

}  // namespace

double hz_to_mel(double hz, Scale scale) {
  if (scale == Scale::kHtk) return 2595 * std::log10(1 + hz / 700);
  return hz < kBreakHz ? hz / kLinearStep : kBreakMel + std::log(hz / kBreakHz) / kLogStep;
}

double mel_to_hz(double mel, Scale scale) {
  if (scale == Scale::kHtk) return 700 * (std::pow(10, mel / 2595) - 1);
  return mel < kBreakMel ? mel * kLinearStep : kBreakHz * std::exp(kLogStep * (mel - kBreakMel));
}

std::vector<Filter> filter_bank(const MelOptions& options) {
  const int values = options.transform / 2 + 1;
  const double low = hz_to_mel(options.low_hz, options.scale);
  const double step = (hz_to_mel(options.high_hz, options.scale) - low) / (options.bins + 1);
  std::vector<Filter> filters(static_cast<std::size_t>(options.bins));
  for (int bin = 0; bin < options.bins; ++bin) {
    double edge[3];
    for (int i = 0; i < 3; ++i) edge[i] = low + step * (bin + i);
    const double left_hz = mel_to_hz(edge[0], options.scale);
    const double right_hz = mel_to_hz(edge[2], options.scale);
    if (!options.triangles_in_mel)
      for (double& e : edge) e = mel_to_hz(e, options.scale);
    const double norm = options.slaney_norm ? 2 / (right_hz - left_hz) : 1;
    Filter& filter = filters[static_cast<std::size_t>(bin)];
    for (int i = 0; i < values; ++i) {
      const double hz = static_cast<double>(i) * options.sample_rate / options.transform;
      const double x = options.triangles_in_mel ? hz_to_mel(hz, options.scale) : hz;
      const double weight = triangle(x, edge[0], edge[1], edge[2]);
      if (weight <= 0) continue;
      if (filter.weights.empty()) filter.first = i;
      filter.weights.push_back(weight * norm);
    }
  }
  return filters;
}

std::vector<double> window(Window kind, int length) {
  std::vector<double> taps(static_cast<std::size_t>(length), 1.0);
  if (kind == Window::kOnes || length == 1) return taps;
  const int period = kind == Window::kHann ? length : length - 1;
  for (int i = 0; i < length; ++i) {
    const double cosine = std::cos(2 * std::numbers::pi * i / period);
    const double hann = 0.5 - 0.5 * cosine;
    double& tap = taps[static_cast<std::size_t>(i)];
    if (kind == Window::kPovey)
      tap = std::pow(hann, 0.85);
    else if (kind == Window::kHamming)
      tap = 0.54 - 0.46 * cosine;
    else
      tap = hann;
  }
  return taps;
}

}  // namespace anynpu::mel
