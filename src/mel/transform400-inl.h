// SPDX-License-Identifier: Apache-2.0
// The real transform of 400 points over lanes, window to power, by prime factors: 400 = 16 x 25.
//
// With n = (25 n1 + 16 n2) mod 400 and k = k1 mod 16 = k2 mod 25, the transform of 400 is one of 16
// over n1 and one of 25 over n2 with no factors between them (Good 1958, Thomas 1963):
//   1. 25 real transforms of 16 points. Their input is real, so k1 = 0..8 are enough: 0 and 8 are
//      real, 1 to 7 complex. The window is part of their first butterflies.
//   2. 8 complex transforms of 25 = 5 x 5 points. The real rows k1 = 0 and k1 = 8 are one of them:
//      row 0 + i row 8, taken apart by symmetry at its end.
// Of the 400 results 201 are needed, the others are their conjugates; every row gives 25 of them.
//
// The taps are read from the transposed samples: sample 160 q + r is in row r and column q, so the
// same tap of the next frame is the next number, and one vector load has a tap of all frames.
//
// Included once per target by kernel.cpp; no include guard on purpose.

// Real transform of 16 points of the windowed taps of column n2. out[k1 of 8][n2 of 25][re, im].
template <class D>
HWY_INLINE void column16(D d, const float* HWY_RESTRICT samples,
                         const std::int32_t* HWY_RESTRICT offsets, const float* HWY_RESTRICT window,
                         float* HWY_RESTRICT out) {
  using V = hn::VFromD<D>;
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t row = 25 * 2 * lanes;
  V sum[8], difference[8];
  for (int j = 0; j < 8; ++j) {
    const V first = hn::LoadU(d, samples + offsets[j]);
    const V second = hn::LoadU(d, samples + offsets[j + 8]);
    const V windowed = hn::Mul(first, hn::Set(d, window[j]));
    const V other = hn::Set(d, window[j + 8]);
    sum[j] = hn::MulAdd(second, other, windowed);
    difference[j] = hn::NegMulAdd(second, other, windowed);
  }
  const V root = hn::Set(d, 0.707106781186547524F);
  const V cosine = hn::Set(d, 0.923879532511286756F);
  const V sine = hn::Set(d, 0.382683432365089772F);

  // Even k1: a real transform of 8 points of the sums.
  const V c0 = hn::Add(sum[0], sum[4]), d0 = hn::Sub(sum[0], sum[4]);
  const V c1 = hn::Add(sum[1], sum[5]), d1 = hn::Sub(sum[1], sum[5]);
  const V c2 = hn::Add(sum[2], sum[6]), d2 = hn::Sub(sum[2], sum[6]);
  const V c3 = hn::Add(sum[3], sum[7]), d3 = hn::Sub(sum[3], sum[7]);
  const V e0 = hn::Add(c0, c2), e1 = hn::Add(c1, c3);
  store(d, Complex<V>{hn::Add(e0, e1), hn::Sub(e0, e1)},
        out);  // k1 = 0, and 8 as the imaginary part
  store(d, Complex<V>{hn::Sub(c0, c2), hn::Sub(c3, c1)}, out + 4 * row);
  const V less = hn::Sub(d1, d3), more = hn::Add(d1, d3);
  store(d, Complex<V>{hn::MulAdd(root, less, d0), hn::NegMulSub(root, more, d2)}, out + 2 * row);
  store(d, Complex<V>{hn::NegMulAdd(root, less, d0), hn::NegMulAdd(root, more, d2)}, out + 6 * row);

  // Odd k1: with v_j = (difference[j] - i difference[j + 4]) W16^j, a complex transform of 4
  // points of which k1 = 3 and 7 are conjugates. Of row 3 it is the negative: only its power
  // counts.
  const V b2 = hn::Sub(difference[2], difference[6]), b6 = hn::Add(difference[2], difference[6]);
  const Complex<V> sum02 = {hn::MulAdd(root, b2, difference[0]),
                            hn::NegMulSub(root, b6, difference[4])};
  const Complex<V> difference02 = {hn::NegMulAdd(root, b2, difference[0]),
                                   hn::MulSub(root, b6, difference[4])};
  const Complex<V> v1 = {hn::NegMulAdd(sine, difference[5], hn::Mul(cosine, difference[1])),
                         hn::NegMulSub(sine, difference[1], hn::Mul(cosine, difference[5]))};
  const Complex<V> v3 = {hn::NegMulAdd(cosine, difference[7], hn::Mul(sine, difference[3])),
                         hn::NegMulSub(cosine, difference[3], hn::Mul(sine, difference[7]))};
  const Complex<V> sum13 = v1 + v3, difference13 = v1 - v3;
  store(d, sum02 + sum13, out + 1 * row);
  store(d, minus_i(difference02, difference13), out + 5 * row);
  store(d,
        Complex<V>{hn::Sub(difference13.im, difference02.re),
                   hn::Add(difference02.im, difference13.re)},
        out + 3 * row);
  store(d, Complex<V>{hn::Sub(sum02.re, sum13.re), hn::Sub(sum13.im, sum02.im)}, out + 7 * row);
}

// cos and sin of 2 pi i / 25, i = b k for b, k = 1..4.
inline constexpr float kTwiddle25[4][4][2] = {{{0.968583161128631119F, 0.248689887164854788F},
                                               {0.876306680043863587F, 0.481753674101715275F},
                                               {0.728968627421411523F, 0.684547105928688673F},
                                               {0.535826794978996618F, 0.844327925502015079F}},
                                              {{0.876306680043863587F, 0.481753674101715275F},
                                               {0.535826794978996618F, 0.844327925502015079F},
                                               {0.0627905195293133760F, 0.998026728428271562F},
                                               {-0.425779291565072649F, 0.904827052466019528F}},
                                              {{0.728968627421411523F, 0.684547105928688673F},
                                               {0.0627905195293133760F, 0.998026728428271562F},
                                               {-0.637423989748689710F, 0.770513242775789231F},
                                               {-0.992114701314477832F, 0.125333233564304245F}},
                                              {{0.535826794978996618F, 0.844327925502015079F},
                                               {-0.425779291565072649F, 0.904827052466019528F},
                                               {-0.992114701314477832F, 0.125333233564304245F},
                                               {-0.637423989748689710F, -0.770513242775789231F}}};

// The complex transform of a row of 25 points, in place, in two halves of five steps each, so that
// the second half of a row and the first half of the next, which wait for nothing of each other,
// can be computed in turn.
template <class D>
HWY_INLINE void row25_first(D d, float* points, std::size_t b) {
  using V = hn::VFromD<D>;
  const std::size_t step = 2 * hn::Lanes(d);
  points += b * step;
  Complex<V> x[5];
  for (std::size_t a = 0; a < 5; ++a) x[a] = load(d, points + 5 * a * step);
  transform5(d, x);
  store(d, x[0], points);
  for (std::size_t k = 1; k < 5; ++k) {
    if (b != 0) {
      const float* w = kTwiddle25[b - 1][k - 1];
      const V re = hn::Set(d, w[0]), im = hn::Set(d, w[1]);
      x[k] = {hn::MulAdd(x[k].im, im, hn::Mul(x[k].re, re)),
              hn::NegMulAdd(x[k].re, im, hn::Mul(x[k].im, re))};
    }
    store(d, x[k], points + 5 * k * step);
  }
}

// `result(place, value)` takes those with k2 = k mod 5: k2 = k + 5 j has the place 5 k + j.
template <class D, class Result>
HWY_INLINE void row25_second(D d, const float* points, std::size_t k, const Result& result) {
  using V = hn::VFromD<D>;
  const std::size_t step = 2 * hn::Lanes(d);
  Complex<V> x[5];
  for (std::size_t b = 0; b < 5; ++b) x[b] = load(d, points + (5 * k + b) * step);
  transform5(d, x);
  for (std::size_t j = 0; j < 5; ++j) result(5 * k + j, x[j]);
}

// The power spectrum of one vector of frames, whose first tap is samples[0]; where it is, in the
// order of plan.place: of the rows k1 = 1 to 7 the first 25 of their 50 vectors, in row 0 the power
// for k1 = 0 and 8 in the place of the complex number.
template <class D>
HWY_INLINE float* power_spectrum400(D d, const Plan& plan, const float* HWY_RESTRICT window,
                                    const float* HWY_RESTRICT samples, Workspace& workspace) {
  using V = hn::VFromD<D>;
  const std::size_t lanes = hn::Lanes(d);
  float* columns = workspace.scratch();
  for (std::size_t n2 = 0; n2 < 25; ++n2)
    column16(d, samples, plan.tap_offsets.data() + 16 * n2, window + 16 * n2,
             columns + 2 * lanes * n2);

  for (std::size_t b = 0; b < 5; ++b) row25_first(d, columns, b);
  for (std::size_t i = 0; i < 5; ++i) {
    row25_first(d, columns + 50 * lanes, i);
    row25_second(d, columns, i, [&](std::size_t place, const Complex<V>& value) HWY_ATTR {
      store(d, value, columns + 2 * lanes * place);
    });
  }
  for (std::size_t k1 = 1; k1 < 8; ++k1) {
    float* row = columns + 50 * lanes * k1;
    for (std::size_t i = 0; i < 5; ++i) {
      if (k1 < 7) row25_first(d, row + 50 * lanes, i);
      row25_second(d, row, i, [&](std::size_t place, const Complex<V>& value) HWY_ATTR {
        hn::Store(power(value), d, row + lanes * place);
      });
    }
  }

  const Complex<V> zero = load(d, columns);
  store(d, Complex<V>{hn::Mul(zero.re, zero.re), hn::Mul(zero.im, zero.im)}, columns);
  const V quarter = hn::Set(d, 0.25F);
  auto at = [&](std::size_t k2) { return columns + 2 * lanes * (k2 % 5 * 5 + k2 / 5); };
  for (std::size_t k2 = 1; k2 <= 12; ++k2) {
    const Complex<V> a = load(d, at(k2)), b = load(d, at(25 - k2));
    const Complex<V> sum = a + b, difference = a - b;
    store(d,
          Complex<V>{hn::Mul(quarter, power(Complex<V>{sum.re, difference.im})),
                     hn::Mul(quarter, power(Complex<V>{sum.im, difference.re}))},
          at(k2));
  }
  return columns;
}
