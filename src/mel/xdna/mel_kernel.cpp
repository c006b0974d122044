// SPDX-License-Identifier: Apache-2.0
// Log-mel features of 16 kHz audio in the integers of an AIE2 tile: int16 in, int8 out.
//
// The one source of this kernel: the host compiles it for its tests and as the device's stand-in,
// and the compiler for the tile (docs/npu-xdna-mel.md) makes the object that the design links.
// So it needs nothing but <stdint.h>, keeps within the tile's memory (memory_budget.h), and works
// on arrays of kLanes frames in loops without branches, which any vector unit can take.
//
// The transform is that of mel/transform400-inl.h: 400 = 16 x 25 by prime factors. Numbers are
// int32 in units of 2^-22 of full scale: the sum of a window is 200, so a result is below 200 x
// 2^22 < 2^30, and the row that packs two real ones below sqrt(2) of that. Factors are int16 (Q15),
// their products are rounded in 64-bit accumulators. A spectrum is shifted so that the largest
// power of its frame has 31 bits.
#include "mel/xdna/mel_kernel.h"

#include "mel/xdna/mel_tables.h"

namespace anynpu::mel::xdna {
namespace {

constexpr Tables kTables = make_tables();

struct Lanes {
  int32_t v[kLanes];
};
struct Complex {
  Lanes re, im;
};

inline Lanes operator+(const Lanes& a, const Lanes& b) {
  Lanes r;
  for (int i = 0; i < kLanes; ++i) r.v[i] = a.v[i] + b.v[i];
  return r;
}
inline Lanes operator-(const Lanes& a, const Lanes& b) {
  Lanes r;
  for (int i = 0; i < kLanes; ++i) r.v[i] = a.v[i] - b.v[i];
  return r;
}
// a x + b y, with Q15 factors and one rounding
inline Lanes sum_of_products(const Lanes& x, int16_t a, const Lanes& y, int16_t b) {
  Lanes r;
  for (int i = 0; i < kLanes; ++i) {
    const int64_t sum = static_cast<int64_t>(x.v[i]) * a + static_cast<int64_t>(y.v[i]) * b;
    r.v[i] = static_cast<int32_t>((sum + (1 << 14)) >> 15);
  }
  return r;
}
inline Lanes negative(const Lanes& a) {
  Lanes r;
  for (int i = 0; i < kLanes; ++i) r.v[i] = -a.v[i];
  return r;
}
inline Complex operator+(const Complex& a, const Complex& b) {
  return {a.re + b.re, a.im + b.im};
}
inline Complex operator-(const Complex& a, const Complex& b) {
  return {a.re - b.re, a.im - b.im};
}
inline Complex minus_i(const Complex& a, const Complex& b) {
  return {a.re + b.im, a.im - b.re};
}
inline Complex plus_i(const Complex& a, const Complex& b) {
  return {a.re - b.im, a.im + b.re};
}

constexpr int16_t kRoot = q15(exact_cos(kPi / 4));
constexpr int16_t kCos16 = q15(exact_cos(kPi / 8));
constexpr int16_t kSin16 = q15(exact_cos(3 * kPi / 8));
constexpr int16_t kCos5 = q15(exact_cos(2 * kPi / 5));
constexpr int16_t kCos5Twice = q15(exact_cos(4 * kPi / 5));
constexpr int16_t kSin5 = q15(exact_cos(2 * kPi / 5 - kPi / 2));
constexpr int16_t kSin5Twice = q15(exact_cos(4 * kPi / 5 - kPi / 2));

// 16 real points of column n2; results into row[k1][n2].
void column16(const int16_t* samples, int32_t stride, int frames, int n2, Complex (*rows)[25]) {
  const int16_t* tap = kTables.tap + 16 * n2;
  const int16_t* window = kTables.window + 16 * n2;
  Lanes x[16];
  for (int j = 0; j < 16; ++j)
    for (int i = 0; i < kLanes; ++i) {
      // Lanes without a frame repeat the last one.
      const int frame = i < frames ? i : frames - 1;
      const int32_t product = static_cast<int32_t>(samples[frame * stride + tap[j]]) * window[j];
      x[j].v[i] = (product + (1 << 7)) >> 8;
    }
  Lanes sum[8], less[8];
  for (int j = 0; j < 8; ++j) {
    sum[j] = x[j] + x[j + 8];
    less[j] = x[j] - x[j + 8];
  }
  const Lanes c0 = sum[0] + sum[4], d0 = sum[0] - sum[4];
  const Lanes c1 = sum[1] + sum[5], d1 = sum[1] - sum[5];
  const Lanes c2 = sum[2] + sum[6], d2 = sum[2] - sum[6];
  const Lanes c3 = sum[3] + sum[7], d3 = sum[3] - sum[7];
  rows[0][n2] = {c0 + c2 + (c1 + c3), c0 + c2 - (c1 + c3)};  // k1 = 0, and 8 as imaginary part
  rows[4][n2] = {c0 - c2, c3 - c1};
  const Lanes difference = sum_of_products(d1, kRoot, d3, -kRoot);
  const Lanes total = sum_of_products(d1, kRoot, d3, kRoot);
  rows[2][n2] = {d0 + difference, negative(d2 + total)};
  rows[6][n2] = {d0 - difference, d2 - total};

  const Complex v0 = {less[0], negative(less[4])};
  const Lanes re2 = sum_of_products(less[2], kRoot, less[6], -kRoot);
  const Lanes im2 = sum_of_products(less[2], kRoot, less[6], kRoot);
  const Complex sum02 = {v0.re + re2, v0.im - im2}, less02 = {v0.re - re2, v0.im + im2};
  const Complex v1 = {sum_of_products(less[1], kCos16, less[5], -kSin16),
                      negative(sum_of_products(less[1], kSin16, less[5], kCos16))};
  const Complex v3 = {sum_of_products(less[3], kSin16, less[7], -kCos16),
                      negative(sum_of_products(less[3], kCos16, less[7], kSin16))};
  const Complex sum13 = v1 + v3, less13 = v1 - v3;
  rows[1][n2] = sum02 + sum13;
  rows[5][n2] = minus_i(less02, less13);
  const Complex x3 = plus_i(less02, less13), x7 = sum02 - sum13;
  rows[3][n2] = {x3.re, negative(x3.im)};
  rows[7][n2] = {x7.re, negative(x7.im)};
}

void transform5(Complex* x) {
  const Complex sum14 = x[1] + x[4], less14 = x[1] - x[4];
  const Complex sum23 = x[2] + x[3], less23 = x[2] - x[3];
  const Complex even1 = {x[0].re + sum_of_products(sum14.re, kCos5, sum23.re, kCos5Twice),
                         x[0].im + sum_of_products(sum14.im, kCos5, sum23.im, kCos5Twice)};
  const Complex even2 = {x[0].re + sum_of_products(sum14.re, kCos5Twice, sum23.re, kCos5),
                         x[0].im + sum_of_products(sum14.im, kCos5Twice, sum23.im, kCos5)};
  const Complex odd1 = {sum_of_products(less14.re, kSin5, less23.re, kSin5Twice),
                        sum_of_products(less14.im, kSin5, less23.im, kSin5Twice)};
  const Complex odd2 = {sum_of_products(less14.re, kSin5Twice, less23.re, -kSin5),
                        sum_of_products(less14.im, kSin5Twice, less23.im, -kSin5)};
  x[0] = x[0] + sum14 + sum23;
  x[1] = minus_i(even1, odd1);
  x[2] = minus_i(even2, odd2);
  x[3] = plus_i(even2, odd2);
  x[4] = plus_i(even1, odd1);
}

// 25 complex points of `in` into `out`, by 5 x 5.
void row25(const Complex* in, Complex* between, Complex* out) {
  for (int b = 0; b < 5; ++b) {
    Complex x[5];
    for (int a = 0; a < 5; ++a) x[a] = in[5 * a + b];
    transform5(x);
    for (int k = 0; k < 5; ++k) {
      const int16_t re = kTables.twiddle_re[b][k], im = kTables.twiddle_im[b][k];
      // 1 has no Q15; those factors are none.
      if (b * k == 0)
        between[5 * k + b] = x[k];
      else
        between[5 * k + b] = {sum_of_products(x[k].re, re, x[k].im, static_cast<int16_t>(-im)),
                              sum_of_products(x[k].re, im, x[k].im, re)};
    }
  }
  for (int k = 0; k < 5; ++k) {
    Complex x[5];
    for (int b = 0; b < 5; ++b) x[b] = between[5 * k + b];
    transform5(x);
    for (int j = 0; j < 5; ++j) out[k + 5 * j] = x[j];
  }
}

// Powers, as the 31 upper bits of the largest amplitude's would have it: see `shift`.
void powers(const Lanes& re, const Lanes& im, const int32_t* shift, Lanes* to) {
  for (int i = 0; i < kLanes; ++i) {
    const int64_t power =
        static_cast<int64_t>(re.v[i]) * re.v[i] + static_cast<int64_t>(im.v[i]) * im.v[i];
    to->v[i] = static_cast<int32_t>(power >> shift[i]);
  }
}

int32_t bits_of(uint64_t x) {
  return x == 0 ? 0 : 64 - __builtin_clzll(x);
}

int8_t feature(int64_t energy, int32_t shift) {
  if (energy <= 0) return -128;
  const int32_t exponent = bits_of(static_cast<uint64_t>(energy)) - 1;
  const int64_t aligned =
      exponent >= kLogBits ? energy >> (exponent - kLogBits) : energy << (kLogBits - exponent);
  const int32_t fraction = kTables.log2[aligned & ((1 << kLogBits) - 1)];
  // Amplitudes have 22 fractional bits, powers 44, and the weights 20.
  const int32_t octaves = exponent + shift - (44 + kWeightBits);
  const int32_t value =
      ((octaves * kFeaturesPerOctave + kFeatureOfOne) * 256 + fraction + 128) >> 8;
  return static_cast<int8_t>(value < -128 ? -128 : value > 127 ? 127 : value);
}

void mel_lanes(const int16_t* samples, int32_t stride, int frames, int8_t* features,
               int32_t* scratch) {
  auto* rows = reinterpret_cast<Complex(*)[25]>(scratch);
  Complex* between = reinterpret_cast<Complex*>(scratch) + 200;
  Complex* result = between + 25;
  Lanes* spectrum = reinterpret_cast<Lanes*>(scratch + (200 + 50) * 2 * kLanes);

  for (int n2 = 0; n2 < 25; ++n2) column16(samples, stride, frames, n2, rows);
  // In place: the largest amplitude is known only when all rows are transformed.
  Lanes largest = {};
  for (int k1 = 0; k1 < 8; ++k1) {
    row25(rows[k1], between, result);
    for (int k2 = 0; k2 < 25; ++k2) {
      rows[k1][k2] = result[k2];
      for (int i = 0; i < kLanes; ++i) {
        const int32_t re = result[k2].re.v[i], im = result[k2].im.v[i];
        const int32_t size = (re < 0 ? -re : re) | (im < 0 ? -im : im);
        largest.v[i] |= size;
      }
    }
  }
  // |re|, |im| < 2^n give a power below 2^(2n + 1), which has to fit 31 bits.
  int32_t shift[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    const int32_t bits = 2 * bits_of(static_cast<uint64_t>(largest.v[i])) + 1;
    shift[i] = bits > 31 ? bits - 31 : 0;
  }
  // Row 0 holds two real rows: a = (z[k] + z*[-k]) / 2, b = (z[k] - z*[-k]) / 2i.
  for (int k2 = 0; k2 <= 12; ++k2) {
    const Complex& z = rows[0][k2];
    const Complex& mirrored = rows[0][(25 - k2) % 25];
    Complex a, b;
    for (int i = 0; i < kLanes; ++i) {
      a.re.v[i] = (z.re.v[i] >> 1) + (mirrored.re.v[i] >> 1);
      a.im.v[i] = (z.im.v[i] >> 1) - (mirrored.im.v[i] >> 1);
      b.re.v[i] = (z.im.v[i] >> 1) + (mirrored.im.v[i] >> 1);
      b.im.v[i] = (z.re.v[i] >> 1) - (mirrored.re.v[i] >> 1);
    }
    powers(a.re, a.im, shift, &spectrum[kTables.spectrum[0][k2]]);
    powers(b.re, b.im, shift, &spectrum[kTables.spectrum[8][k2]]);
  }
  for (int k1 = 1; k1 < 8; ++k1)
    for (int k2 = 0; k2 < 25; ++k2)
      powers(rows[k1][k2].re, rows[k1][k2].im, shift, &spectrum[kTables.spectrum[k1][k2]]);

  const int16_t* weight = kTables.weight;
  for (int bin = 0; bin < kBins; ++bin) {
    int64_t energy[kLanes] = {};
    const Lanes* from = spectrum + kTables.first[bin];
    for (int k = 0; k < kTables.count[bin]; ++k, ++weight)
      for (int i = 0; i < kLanes; ++i) energy[i] += static_cast<int64_t>(from[k].v[i]) * *weight;
    for (int i = 0; i < frames; ++i) features[i * kBins + bin] = feature(energy[i], shift[i]);
  }
}

}  // namespace
}  // namespace anynpu::mel::xdna

void anynpu_mel_batch(const int16_t* samples, int8_t* features, int32_t* scratch, int32_t frames,
                      int32_t stride) {
  using anynpu::mel::xdna::kBins;
  using anynpu::mel::xdna::kLanes;
  for (int32_t done = 0; done < frames; done += kLanes) {
    const int32_t count = frames - done < kLanes ? frames - done : kLanes;
    anynpu::mel::xdna::mel_lanes(samples + done * stride, stride, count, features + done * kBins,
                                 scratch);
  }
}
