// SPDX-License-Identifier: Apache-2.0
// The real transform of any size over lanes, window to power.
//
// An even size is packed into a complex transform of half its length, an odd one is computed as
// complex. Passes of radix 4, 2, 3, 5 and of any other prime follow Stockham's self-sorting scheme:
// each reads one buffer and writes the other, with no reordering at the end.
//
// Included once per target by kernel.cpp; no include guard on purpose.

struct Pass {
  std::size_t length;  // of the transforms that this pass divides
  std::size_t step;    // how many of them lie side by side
};

template <std::size_t kRadix, class D, class Small>
HWY_INLINE const float* pass_of(D d, const Pass& pass, const float* HWY_RESTRICT in,
                                float* HWY_RESTRICT out, const float* HWY_RESTRICT twiddles,
                                const Small& small) {
  using V = hn::VFromD<D>;
  const std::size_t size = 2 * hn::Lanes(d);
  const std::size_t part = pass.length / kRadix;
  for (std::size_t p = 0; p < part; ++p, twiddles += 2 * (kRadix - 1)) {
    for (std::size_t q = 0; q < pass.step; ++q) {
      Complex<V> x[kRadix];
      for (std::size_t j = 0; j < kRadix; ++j)
        x[j] = load(d, in + (q + pass.step * (p + part * j)) * size);
      small(d, x);
      float* to = out + (q + pass.step * kRadix * p) * size;
      store(d, x[0], to);
      for (std::size_t t = 1; t < kRadix; ++t)
        store(d, multiply(x[t], hn::Set(d, twiddles[2 * (t - 1)]), hn::Set(d, twiddles[2 * t - 1])),
              to + pass.step * t * size);
    }
  }
  return twiddles;
}

// Any radix, by its definition.
template <class D>
HWY_INLINE const float* pass_of_prime(D d, std::size_t radix, const Pass& pass,
                                      const float* HWY_RESTRICT in, float* HWY_RESTRICT out,
                                      const float* HWY_RESTRICT twiddles,
                                      const float* HWY_RESTRICT roots) {
  using V = hn::VFromD<D>;
  const std::size_t size = 2 * hn::Lanes(d);
  const std::size_t part = pass.length / radix;
  for (std::size_t p = 0; p < part; ++p, twiddles += 2 * (radix - 1)) {
    for (std::size_t q = 0; q < pass.step; ++q) {
      for (std::size_t t = 0; t < radix; ++t) {
        Complex<V> sum = {hn::Zero(d), hn::Zero(d)};
        for (std::size_t j = 0, root = 0; j < radix; ++j, root = (root + t) % radix) {
          const Complex<V> x = load(d, in + (q + pass.step * (p + part * j)) * size);
          sum = sum + multiply(x, hn::Set(d, roots[2 * root]), hn::Set(d, roots[2 * root + 1]));
        }
        if (t > 0)
          sum = multiply(sum, hn::Set(d, twiddles[2 * (t - 1)]), hn::Set(d, twiddles[2 * t - 1]));
        store(d, sum, out + (q + pass.step * (radix * p + t)) * size);
      }
    }
  }
  return twiddles;
}

// Transforms `from`, using `to`; returns the buffer that has the result.
template <class D>
HWY_INLINE const float* transform_mixed(D d, const Plan& plan, float* from, float* to) {
  Pass pass = {static_cast<std::size_t>(plan.points), 1};
  const float* twiddles = plan.twiddles.data();
  const float* roots = plan.roots.data();
  for (int number : plan.radices) {
    const auto radix = static_cast<std::size_t>(number);
    switch (radix) {
      case 2:
        twiddles = pass_of<2>(d, pass, from, to, twiddles,
                              [](D t, auto* x) HWY_ATTR { transform2(t, x); });
        break;
      case 3:
        twiddles = pass_of<3>(d, pass, from, to, twiddles,
                              [](D t, auto* x) HWY_ATTR { transform3(t, x); });
        break;
      case 4:
        twiddles = pass_of<4>(d, pass, from, to, twiddles,
                              [](D t, auto* x) HWY_ATTR { transform4(t, x); });
        break;
      case 5:
        twiddles = pass_of<5>(d, pass, from, to, twiddles,
                              [](D t, auto* x) HWY_ATTR { transform5(t, x); });
        break;
      default:
        twiddles = pass_of_prime(d, radix, pass, from, to, twiddles, roots);
        roots += 2 * radix;
    }
    pass = {pass.length / radix, pass.step * radix};
    float* other = from;
    from = to;
    to = other;
  }
  return from;
}

// Subtracts each frame's mean, then filters each frame by itself: s[t] - a s[t - 1], s[-1] = s[0].
template <class D>
HWY_INLINE void prepare_frames(D d, const MelOptions& options, float* HWY_RESTRICT samples) {
  using V = hn::VFromD<D>;
  const std::size_t lanes = hn::Lanes(d);
  const auto length = static_cast<std::size_t>(options.window_length);
  V mean = hn::Zero(d);
  if (options.remove_dc) {
    for (std::size_t t = 0; t < length; ++t) mean = hn::Add(mean, hn::Load(d, samples + t * lanes));
    mean = hn::Mul(mean, hn::Set(d, 1.0F / static_cast<float>(length)));
  }
  const V factor = hn::Set(d, static_cast<float>(options.preemphasis));
  V before = hn::Sub(hn::Load(d, samples), mean);
  for (std::size_t t = 0; t < length; ++t) {
    const V now = hn::Sub(hn::Load(d, samples + t * lanes), mean);
    hn::Store(hn::NegMulAdd(factor, before, now), d, samples + t * lanes);
    before = now;
  }
}

// The power spectrum of one vector of frames; where it is. samples[t of window_length] is changed.
template <class D>
HWY_INLINE float* power_spectrum_mixed(D d, const Plan& plan, const float* HWY_RESTRICT window,
                                       float* HWY_RESTRICT samples, Workspace& workspace) {
  using V = hn::VFromD<D>;
  const std::size_t lanes = hn::Lanes(d);
  const MelOptions& options = plan.options;
  const auto transform = static_cast<std::size_t>(options.transform);
  const auto length = static_cast<std::size_t>(options.window_length);
  const auto offset = static_cast<std::size_t>(plan.window_offset);
  const auto points = static_cast<std::size_t>(plan.points);
  const bool even = transform % 2 == 0;
  if (options.remove_dc || options.preemphasis != 0) prepare_frames(d, options, samples);

  float* from = workspace.scratch();
  const std::size_t step = even ? lanes : 2 * lanes;  // an odd size has imaginary parts of 0
  const V zero = hn::Zero(d);
  for (std::size_t t = 0; t < transform; ++t) {
    const bool inside = t >= offset && t < offset + length;
    const V value = inside ? hn::Mul(hn::Load(d, samples + (t - offset) * lanes),
                                     hn::Set(d, window[t - offset]))
                           : zero;
    hn::Store(value, d, from + t * step);
    if (!even) hn::Store(zero, d, from + t * step + lanes);
  }
  const float* HWY_RESTRICT z = transform_mixed(d, plan, from, workspace.scratch2());
  float* HWY_RESTRICT spectrum = workspace.spectrum();
  if (!even) {
    for (std::size_t k = 0; k <= transform / 2; ++k)
      hn::Store(power(load(d, z + 2 * lanes * k)), d, spectrum + k * lanes);
    return spectrum;
  }
  // Even and odd samples were the real and the imaginary part: X[k] = E[k] + W^k O[k].
  const V quarter = hn::Set(d, 0.25F);
  for (std::size_t k = 0; k <= points / 2; ++k) {
    const Complex<V> a = load(d, z + 2 * lanes * k);
    const Complex<V> b = load(d, z + 2 * lanes * ((points - k) % points));
    const Complex<V> e = {hn::Add(a.re, b.re), hn::Sub(a.im, b.im)};
    const Complex<V> o = {hn::Add(a.im, b.im), hn::Sub(b.re, a.re)};
    const Complex<V> turned =
        multiply(o, hn::Set(d, plan.split[2 * k]), hn::Set(d, plan.split[2 * k + 1]));
    hn::Store(hn::Mul(quarter, power(e + turned)), d, spectrum + k * lanes);
    hn::Store(hn::Mul(quarter, power(e - turned)), d, spectrum + (points - k) * lanes);
  }
  return spectrum;
}
