// SPDX-License-Identifier: Apache-2.0
// Lays frames beside each other: rows of samples become columns of float, one lane per row.
//
// Included once per target by kernel.cpp; no include guard on purpose.

namespace hn = hwy::HWY_NAMESPACE;

// Rows of samples at equal distances. Rows after `last` repeat it, so that a vector is always full.
template <typename Sample>
struct Rows {
  const Sample* first;
  std::ptrdiff_t distance;
  int last;

  const Sample* row(int index) const { return first + (index < last ? index : last) * distance; }
};

HWY_INLINE float to_float(float sample) {
  return sample;
}
// Times 2^16, of which Plan::window_int16 knows: a sample in the upper half of a number of 32 bits
// need not be moved down.
HWY_INLINE float to_float(std::int16_t sample) {
  return static_cast<float>(sample) * 65536.0F;
}

#if HWY_TARGET != HWY_SCALAR
// Four samples, or four pairs of int16, of lanes / 4 rows that lie four rows apart.
template <class D, typename Sample>
HWY_INLINE hn::VFromD<D> gather_blocks(D d, const Sample* const* rows, int offset) {
  if constexpr (hn::MaxLanes(D()) <= 4) {
    const hn::Repartition<Sample, D> as_samples;
    return hn::BitCast(d, hn::LoadU(as_samples, rows[0] + offset));
  } else {
    const hn::Half<D> half;
    return hn::Combine(d, gather_blocks(half, rows + hn::MaxLanes(D()) / 2, offset),
                       gather_blocks(half, rows, offset));
  }
}

template <class V>
struct Four {
  HWY_INLINE Four(V a, V b, V c, V d) : v{a, b, c, d} {}

  V v[4];
};

// Transposes the 4 x 4 numbers of each 128-bit block. D is a tag of 32-bit integers.
template <class D, typename Sample>
HWY_INLINE Four<hn::VFromD<D>> transpose_blocks(D d, const Sample* const* rows, int offset) {
  const hn::Repartition<std::uint64_t, D> d64;
  const auto v0 = gather_blocks(d, rows, offset);
  const auto v1 = gather_blocks(d, rows + 1, offset);
  const auto v2 = gather_blocks(d, rows + 2, offset);
  const auto v3 = gather_blocks(d, rows + 3, offset);
  const auto low01 = hn::BitCast(d64, hn::InterleaveLower(d, v0, v1));
  const auto low23 = hn::BitCast(d64, hn::InterleaveLower(d, v2, v3));
  const auto high01 = hn::BitCast(d64, hn::InterleaveUpper(d, v0, v1));
  const auto high23 = hn::BitCast(d64, hn::InterleaveUpper(d, v2, v3));
  return {hn::BitCast(d, hn::InterleaveLower(d64, low01, low23)),
          hn::BitCast(d, hn::InterleaveUpper(d64, low01, low23)),
          hn::BitCast(d, hn::InterleaveLower(d64, high01, high23)),
          hn::BitCast(d, hn::InterleaveUpper(d64, high01, high23))};
}

template <class D>
HWY_INLINE int transpose_whole(D d, const float* const* rows, int length, float* HWY_RESTRICT out,
                               std::ptrdiff_t stride) {
  const hn::RebindToSigned<D> di;
  int i = 0;
  for (; i + 4 <= length; i += 4, out += 4 * stride) {
    const auto columns = transpose_blocks(di, rows, i);
    for (int j = 0; j < 4; ++j) hn::StoreU(hn::BitCast(d, columns.v[j]), d, out + j * stride);
  }
  return i;
}

// Pairs of int16 travel as one 32-bit number, which then becomes two rows.
template <class D>
HWY_INLINE int transpose_whole(D d, const std::int16_t* const* rows, int length,
                               float* HWY_RESTRICT out, std::ptrdiff_t stride) {
  const hn::RebindToSigned<D> di;
  int i = 0;
  for (; i + 8 <= length; i += 8, out += 8 * stride) {
    const auto columns = transpose_blocks(di, rows, i);
    for (int j = 0; j < 4; ++j) {
      const auto even = hn::ShiftLeft<16>(columns.v[j]);
      const auto odd = hn::And(columns.v[j], hn::Set(di, -0x10000));
      hn::StoreU(hn::ConvertTo(d, even), d, out + 2 * j * stride);
      hn::StoreU(hn::ConvertTo(d, odd), d, out + (2 * j + 1) * stride);
    }
  }
  return i;
}
#endif  // HWY_SCALAR

// One vector of columns, from row `first` on.
template <class D, typename Sample>
HWY_INLINE void transpose_columns(D d, const Rows<Sample>& source, int first, int length,
                                  float* HWY_RESTRICT out, std::ptrdiff_t stride) {
  const int lanes = static_cast<int>(hn::Lanes(d));
  const Sample* rows[kMostLanes];
  for (int i = 0; i < lanes; ++i) rows[i] = source.row(first + i);
  int done = 0;
#if HWY_TARGET != HWY_SCALAR
  if (lanes >= 4) done = transpose_whole(d, rows, length, out, stride);
#endif
  for (; done < length; ++done)
    for (int i = 0; i < lanes; ++i) out[done * stride + i] = to_float(rows[i][done]);
}
