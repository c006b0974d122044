// SPDX-License-Identifier: Apache-2.0
// The constants of the mel kernel, computed by whatever compiler builds it: no generated file, and
// the host's tables are the tile's.
#pragma once

#include "mel/xdna/mel_kernel.h"

namespace anynpu::mel::xdna {

// Series, as no compiler of a tile has <cmath> at compile time.
constexpr double kPi = 3.14159265358979323846;

constexpr double exact_cos(double x) {
  while (x > kPi) x -= 2 * kPi;
  while (x < -kPi) x += 2 * kPi;
  double term = 1, sum = 1;
  for (int i = 1; i < 20; ++i) {
    term *= -x * x / ((2.0 * i - 1) * (2.0 * i));
    sum += term;
  }
  return sum;
}
constexpr double exact_exp(double x) {
  double term = 1, sum = 1;
  for (int i = 1; i < 60; ++i) {
    term *= x / i;
    sum += term;
  }
  return sum;
}
// 2 artanh((x - 1) / (x + 1)), for x around 1 to 8.
constexpr double exact_log(double x) {
  const double y = (x - 1) / (x + 1);
  double power = y, sum = 0;
  for (int i = 1; i < 400; i += 2) {
    sum += power / i;
    power *= y * y;
  }
  return 2 * sum;
}
constexpr int32_t rounded(double x) {
  return static_cast<int32_t>(x < 0 ? x - 0.5 : x + 0.5);
}
constexpr int16_t q15(double x) {
  const int32_t value = rounded(x * 32768);
  return static_cast<int16_t>(value > 32767 ? 32767 : value);
}

// Slaney's scale and its inverse, as in mel/filter_bank.cpp.
constexpr double slaney_mel(double hz) {
  return hz < 1000 ? hz * 3 / 200 : 15 + 27 * exact_log(hz / 1000) / exact_log(6.4);
}
constexpr double slaney_hz(double mel) {
  return mel < 15 ? mel * 200 / 3 : 1000 * exact_exp((mel - 15) * exact_log(6.4) / 27);
}

constexpr int kMostWeights = 400;
constexpr int kWeightBits = 20;
constexpr int kLogBits = 7;

struct Tables {
  int16_t window[kWindow] = {};   // Q15; [25][16], the order of the first pass
  int16_t tap[kWindow] = {};      // which sample that is
  int16_t spectrum[9][25] = {};   // where the results of row k1 belong
  int16_t twiddle_re[5][5] = {};  // Q15: W25^(b k)
  int16_t twiddle_im[5][5] = {};
  int16_t first[kBins] = {};  // of each filter, a place in the spectrum
  int16_t count[kBins] = {};
  int16_t weight[kMostWeights] = {};  // of all filters, times 2^20
  int16_t log2[1 << kLogBits] = {};   // 8 log2(1 + (i + 1/2) / 128), times 256
};

constexpr Tables make_tables() {
  Tables t;
  for (int n2 = 0; n2 < 25; ++n2)
    for (int n1 = 0; n1 < 16; ++n1) {
      const int n = (25 * n1 + 16 * n2) % kWindow;
      t.tap[16 * n2 + n1] = static_cast<int16_t>(n);
      t.window[16 * n2 + n1] = q15(0.5 - 0.5 * exact_cos(2 * kPi * n / kWindow));
    }
  for (int k1 = 0; k1 < 9; ++k1)
    for (int k2 = 0; k2 < 25; ++k2) {
      const int k = (225 * k1 + 176 * k2) % kWindow;
      t.spectrum[k1][k2] = static_cast<int16_t>(k < kSpectrum ? k : kWindow - k);
    }
  for (int b = 0; b < 5; ++b)
    for (int k = 0; k < 5; ++k) {
      const double angle = 2 * kPi * (b * k) / 25;
      t.twiddle_re[b][k] = q15(exact_cos(angle));
      t.twiddle_im[b][k] = q15(-exact_cos(angle - kPi / 2));
    }
  const double step = slaney_mel(8000) / (kBins + 1);
  int used = 0;
  for (int bin = 0; bin < kBins; ++bin) {
    const double left = slaney_hz(step * bin), centre = slaney_hz(step * (bin + 1)),
                 right = slaney_hz(step * (bin + 2));
    for (int k = 0; k < kSpectrum; ++k) {
      const double hz = 16000.0 * k / kWindow;
      const double up = (hz - left) / (centre - left), down = (right - hz) / (right - centre);
      const double weight = up < down ? up : down;
      if (weight <= 0) continue;
      if (t.count[bin]++ == 0) t.first[bin] = static_cast<int16_t>(k);
      t.weight[used++] =
          static_cast<int16_t>(rounded(weight * 2 / (right - left) * (1 << kWeightBits)));
    }
  }
  for (int i = 0; i < 1 << kLogBits; ++i)
    t.log2[i] = static_cast<int16_t>(rounded(
        256.0 * kFeaturesPerOctave * exact_log(1 + (i + 0.5) / (1 << kLogBits)) / exact_log(2)));
  return t;
}

}  // namespace anynpu::mel::xdna
