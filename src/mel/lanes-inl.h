// SPDX-License-Identifier: Apache-2.0
// Complex numbers and small transforms over lanes, and the logarithm.
//
// Included once per target by kernel.cpp; no include guard on purpose.

// Its constructors are written out: implicit ones are not compiled for the target.
template <class V>
struct Complex {
  HWY_INLINE Complex() {}  // NOLINT(modernize-use-equals-default): "= default" is implicit too
  HWY_INLINE Complex(V real, V imaginary) : re(real), im(imaginary) {}

  V re, im;
};

template <class V>
HWY_INLINE Complex<V> operator+(const Complex<V>& a, const Complex<V>& b) {
  return {hn::Add(a.re, b.re), hn::Add(a.im, b.im)};
}
template <class V>
HWY_INLINE Complex<V> operator-(const Complex<V>& a, const Complex<V>& b) {
  return {hn::Sub(a.re, b.re), hn::Sub(a.im, b.im)};
}
// a - i b and a + i b
template <class V>
HWY_INLINE Complex<V> minus_i(const Complex<V>& a, const Complex<V>& b) {
  return {hn::Add(a.re, b.im), hn::Sub(a.im, b.re)};
}
template <class V>
HWY_INLINE Complex<V> plus_i(const Complex<V>& a, const Complex<V>& b) {
  return {hn::Sub(a.re, b.im), hn::Add(a.im, b.re)};
}
// a + factor b and a - factor b
template <class V>
HWY_INLINE Complex<V> plus(const Complex<V>& a, V factor, const Complex<V>& b) {
  return {hn::MulAdd(factor, b.re, a.re), hn::MulAdd(factor, b.im, a.im)};
}
template <class V>
HWY_INLINE Complex<V> minus(const Complex<V>& a, V factor, const Complex<V>& b) {
  return {hn::NegMulAdd(factor, b.re, a.re), hn::NegMulAdd(factor, b.im, a.im)};
}
// a - i factor b and a + i factor b
template <class V>
HWY_INLINE Complex<V> minus_i(const Complex<V>& a, V factor, const Complex<V>& b) {
  return {hn::MulAdd(factor, b.im, a.re), hn::NegMulAdd(factor, b.re, a.im)};
}
template <class V>
HWY_INLINE Complex<V> plus_i(const Complex<V>& a, V factor, const Complex<V>& b) {
  return {hn::NegMulAdd(factor, b.im, a.re), hn::MulAdd(factor, b.re, a.im)};
}
template <class V>
HWY_INLINE Complex<V> multiply(const Complex<V>& a, V re, V im) {
  return {hn::NegMulAdd(a.im, im, hn::Mul(a.re, re)), hn::MulAdd(a.im, re, hn::Mul(a.re, im))};
}
template <class V>
HWY_INLINE V power(const Complex<V>& a) {
  return hn::MulAdd(a.im, a.im, hn::Mul(a.re, a.re));
}

template <class D>
HWY_INLINE Complex<hn::VFromD<D>> load(D d, const float* at) {
  return {hn::Load(d, at), hn::Load(d, at + hn::Lanes(d))};
}
template <class D>
HWY_INLINE void store(D d, const Complex<hn::VFromD<D>>& value, float* at) {
  hn::Store(value.re, d, at);
  hn::Store(value.im, d, at + hn::Lanes(d));
}

// Forward transforms in place, of 2 to 5 points.
template <class D, class V>
HWY_INLINE void transform2(D, Complex<V>* x) {
  const Complex<V> sum = x[0] + x[1];
  x[1] = x[0] - x[1];
  x[0] = sum;
}

template <class D, class V>
HWY_INLINE void transform3(D d, Complex<V>* x) {
  const V half = hn::Set(d, -0.5F);
  const V sine = hn::Set(d, 0.866025403784438647F);
  const Complex<V> sum = x[1] + x[2];
  const Complex<V> difference = x[1] - x[2];
  const Complex<V> middle = plus(x[0], half, sum);
  const Complex<V> side = {hn::Mul(difference.re, sine), hn::Mul(difference.im, sine)};
  x[0] = x[0] + sum;
  x[1] = minus_i(middle, side);
  x[2] = plus_i(middle, side);
}

template <class D, class V>
HWY_INLINE void transform4(D, Complex<V>* x) {
  const Complex<V> sum02 = x[0] + x[2], difference02 = x[0] - x[2];
  const Complex<V> sum13 = x[1] + x[3], difference13 = x[1] - x[3];
  x[0] = sum02 + sum13;
  x[1] = minus_i(difference02, difference13);
  x[2] = sum02 - sum13;
  x[3] = plus_i(difference02, difference13);
}

// Both sines are taken as multiples of the first, which then is part of the last additions.
template <class D, class V>
HWY_INLINE void transform5(D d, Complex<V>* x) {
  const V cosine1 = hn::Set(d, 0.309016994374947424F), cosine2 = hn::Set(d, -0.809016994374947424F);
  const V sine = hn::Set(d, 0.951056516295153572F), ratio = hn::Set(d, 0.618033988749894848F);
  const Complex<V> sum14 = x[1] + x[4], difference14 = x[1] - x[4];
  const Complex<V> sum23 = x[2] + x[3], difference23 = x[2] - x[3];
  const Complex<V> even1 = plus(plus(x[0], cosine1, sum14), cosine2, sum23);
  const Complex<V> even2 = plus(plus(x[0], cosine2, sum14), cosine1, sum23);
  const Complex<V> odd1 = plus(difference14, ratio, difference23);
  const Complex<V> odd2 = {hn::MulSub(difference14.re, ratio, difference23.re),
                           hn::MulSub(difference14.im, ratio, difference23.im)};
  x[0] = x[0] + (sum14 + sum23);
  x[1] = minus_i(even1, sine, odd1);
  x[2] = minus_i(even2, sine, odd2);
  x[3] = plus_i(even2, sine, odd2);
  x[4] = plus_i(even1, sine, odd1);
}

// factor * log2(x) of positive normal numbers: the exponent, and a polynomial of the mantissa
// between sqrt(1/2) and sqrt(2) whose own error is below 5e-8. Near 1 the error is relative, as the
// polynomial has the factor m - 1. The factor is part of the coefficients.
template <class D>
struct ScaledLog2 {
  using V = hn::VFromD<D>;

  HWY_INLINE ScaledLog2(D d, V factor)
      : coefficients{hn::Mul(factor, hn::Set(d, -0.14571184952571622F)),
                     hn::Mul(factor, hn::Set(d, 0.23687765293059898F)),
                     hn::Mul(factor, hn::Set(d, -0.25007476811770046F)),
                     hn::Mul(factor, hn::Set(d, 0.28670940532445505F)),
                     hn::Mul(factor, hn::Set(d, -0.36008686610457635F)),
                     hn::Mul(factor, hn::Set(d, 0.48093936540998106F)),
                     hn::Mul(factor, hn::Set(d, -0.7213571563836226F)),
                     hn::Mul(factor, hn::Set(d, 1.4426947729800914F))},
        of_exponent(hn::Mul(factor, hn::Set(d, 0x1p-23F))) {}

  HWY_INLINE V operator()(V x) const {
    const D d;
    const hn::RebindToSigned<D> di;
    const auto bits = hn::BitCast(di, x);
    const auto half = hn::Set(di, 0x3f3504f3);  // sqrt(1/2)
    // The exponent times 2^23: where it is in the bits.
    const auto whole = hn::And(hn::Sub(bits, half), hn::Set(di, -0x800000));
    const auto t = hn::Sub(hn::BitCast(d, hn::Sub(bits, whole)), hn::Set(d, 1.0F));
    V sum = coefficients[0];
    for (int i = 1; i < 8; ++i) sum = hn::MulAdd(sum, t, coefficients[i]);
    return hn::MulAdd(t, sum, hn::Mul(hn::ConvertTo(d, whole), of_exponent));
  }

  V coefficients[8], of_exponent;
};
