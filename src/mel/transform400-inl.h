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
  const V tangent = hn::Set(d, 0.414213562373095049F);

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
  // counts. v_1 and v_3 lack the factor cos(pi / 8), which is part of the last additions.
  const V b2 = hn::Sub(difference[2], difference[6]), b6 = hn::Add(difference[2], difference[6]);
  const Complex<V> sum02 = {hn::MulAdd(root, b2, difference[0]),
                            hn::NegMulSub(root, b6, difference[4])};
  const Complex<V> difference02 = {hn::NegMulAdd(root, b2, difference[0]),
                                   hn::MulSub(root, b6, difference[4])};
  const Complex<V> v1 = {hn::NegMulAdd(tangent, difference[5], difference[1]),
                         hn::NegMulSub(tangent, difference[1], difference[5])};
  const Complex<V> v3 = {hn::MulSub(tangent, difference[3], difference[7]),
                         hn::NegMulSub(tangent, difference[7], difference[3])};
  const Complex<V> sum13 = v1 + v3, difference13 = v1 - v3;
  store(d, plus(sum02, cosine, sum13), out + 1 * row);
  store(d, minus_i(difference02, cosine, difference13), out + 5 * row);
  store(d,
        Complex<V>{hn::MulSub(cosine, difference13.im, difference02.re),
                   hn::MulAdd(cosine, difference13.re, difference02.im)},
        out + 3 * row);
  store(
      d,
      Complex<V>{hn::NegMulAdd(cosine, sum13.re, sum02.re), hn::MulSub(cosine, sum13.im, sum02.im)},
      out + 7 * row);
}

// The factors of transform5_turned for k = 1..4, from c_b = cos(2 pi b k / 25) and the cosines C
// and sines S of 2 pi / 5 and 4 pi / 5: tan(2 pi b k / 25) for b = 1..4; c4 / c1, c3 / c2; c1, c2;
// C1 c1, C2 c2; C2 c1, C1 c2; S2 c2 / (S1 c1), S1 c2 / (S2 c1); S1 c1, S2 c1.
inline constexpr float kTurned25[4][16] = {
    {0.25675636036772681F, 0.54975465219277009F, 0.93906250581749218F, 1.5757478599686512F,
     0.55320680400290068F, 0.83186473870645716F, 0.96858316112863108F, 0.87630668004386358F,
     0.29930865725415501F, -0.70894699643977521F, -0.78360023781847044F, 0.27079365641784348F,
     0.55915416927608808F, 1.4638846201160098F, 0.92117732696514321F, 0.5693188977302337F},
    {0.54975465219277009F, 1.5757478599686512F, 15.894544843865265F, -2.1251081731572024F,
     -0.4858793174368593F, 0.11718435904605107F, 0.87630668004386358F, 0.53582679497899655F,
     0.27079365641784348F, -0.43349298317946888F, -0.70894699643977521F, 0.16557958568997069F,
     0.37790328308733789F, 0.98936363958282347F, 0.83341717832868867F, 0.51508014301516203F},
    {0.93906250581749218F, 15.894544843865265F, -1.2087923504096092F, -0.12632937844610848F,
     -1.360984086275284F, -10.15159604550032F, 0.72896862742141155F, 0.062790519529313527F,
     0.22526369423939549F, -0.050798597384846662F, -0.58974800795010118F, 0.019403337620189906F,
     0.053235041647335474F, 0.1393711484252404F, 0.69329036328386739F, 0.42847700858219234F},
    {1.5757478599686512F, -2.1251081731572024F, -0.12632937844610848F, 1.2087923504096096F,
     -1.1896082758863811F, 2.3301149702881943F, 0.53582679497899655F, -0.42577929156507272F,
     0.16557958568997069F, 0.34446268272906949F, -0.43349298317946888F, -0.13157303694653319F,
     -0.49110286450564922F, -1.2857239912482232F, 0.50960156497032194F, 0.31495108787179682F}};

// transform5 of x[b] W25^(b k), k = 1..4. Of each factor only 1 - i tan is multiplied; the cosines
// are part of the factors that the sums have anyway.
template <class D, class V>
HWY_INLINE void transform5_turned(D d, Complex<V>* x, std::size_t k) {
  const float* factors = kTurned25[k - 1];
  auto factor = [&](std::size_t i) HWY_ATTR { return hn::Set(d, factors[i]); };
  for (std::size_t b = 1; b < 5; ++b) x[b] = minus_i(x[b], factor(b - 1), x[b]);
  const Complex<V> sum14 = plus(x[1], factor(4), x[4]), difference14 = minus(x[1], factor(4), x[4]);
  const Complex<V> sum23 = plus(x[2], factor(5), x[3]), difference23 = minus(x[2], factor(5), x[3]);
  const Complex<V> even1 = plus(plus(x[0], factor(8), sum14), factor(9), sum23);
  const Complex<V> even2 = plus(plus(x[0], factor(10), sum14), factor(11), sum23);
  const Complex<V> odd1 = plus(difference14, factor(12), difference23);
  const Complex<V> odd2 = minus(difference14, factor(13), difference23);
  x[0] = plus(plus(x[0], factor(6), sum14), factor(7), sum23);
  x[1] = minus_i(even1, factor(14), odd1);
  x[2] = minus_i(even2, factor(15), odd2);
  x[3] = plus_i(even2, factor(15), odd2);
  x[4] = plus_i(even1, factor(14), odd1);
}

// The complex transform of a row of 25 points, in place, in two halves of five steps each, so that
// the second half of a row and the first half of the next, which wait for nothing of each other,
// can be computed in turn.
template <class D>
HWY_INLINE void row25_first(D d, float* points, std::size_t b) {
  const std::size_t step = 2 * hn::Lanes(d);
  points += b * step;
  Complex<hn::VFromD<D>> x[5];
  for (std::size_t a = 0; a < 5; ++a) x[a] = load(d, points + 5 * a * step);
  transform5(d, x);
  for (std::size_t k = 0; k < 5; ++k) store(d, x[k], points + 5 * k * step);
}

// `result(place, value)` takes those with k2 = k mod 5: k2 = k + 5 j has the place 5 k + j.
template <class D, class Result>
HWY_INLINE void row25_second(D d, const float* points, std::size_t k, const Result& result) {
  const std::size_t step = 2 * hn::Lanes(d);
  Complex<hn::VFromD<D>> x[5];
  for (std::size_t b = 0; b < 5; ++b) x[b] = load(d, points + (5 * k + b) * step);
  if (k == 0)
    transform5(d, x);
  else
    transform5_turned(d, x, k);
  for (std::size_t j = 0; j < 5; ++j) result(5 * k + j, x[j]);
}

// The power spectrum of one vector of frames, whose first tap is samples[0], in the order of
// plan.place; columns[8 of k1][25][2] is used for all steps: of the rows k1 = 1 to 7 the first 25
// of their 50 vectors, in row 0 the power for k1 = 0 and 8 in the place of the complex number.
template <class D>
HWY_INLINE void power_spectrum400(D d, const Plan& plan, const float* HWY_RESTRICT window,
                                  const float* HWY_RESTRICT samples, float* columns) {
  using V = hn::VFromD<D>;
  const std::size_t lanes = hn::Lanes(d);
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
}
