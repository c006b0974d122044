// SPDX-License-Identifier: Apache-2.0
// The passes of a resize in plain code, and for AVX2 with the same results to the bit.
//
// Down the columns, compilers make good vector code of plain loops when they may use AVX2. Along
// the rows the three colours are in the way, so that pass is written by hand: four pixels at a time
// are spread into pairs of one colour, and multiplied by pairs of weights with one instruction.
// That takes 16-bit weights, so each is split into its upper and lower 11 bits, which are summed
// apart.
#include "vision/resize_passes.h"

#include <algorithm>
#include <array>
#include <cstring>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace anynpu::vision {
namespace {

constexpr std::int32_t kHalf = 1 << (kWeightBits - 1);

std::uint8_t to_byte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::min((sum + kHalf) >> kWeightBits, 255));
}

// Blocks keep the sums near the processor.
[[gnu::always_inline]] inline void blend_one_row(const Image& in, const Span& span,
                                                 const std::int32_t* weights, std::uint8_t* out) {
  constexpr std::size_t kBlock = 64;
  const std::size_t length = static_cast<std::size_t>(in.width) * 3;
  for (std::size_t at = 0; at < length; at += kBlock) {
    std::array<std::int32_t, kBlock> sums{};
    const std::size_t count = std::min(kBlock, length - at);
    for (int i = 0; i < span.count; ++i) {
      const std::uint8_t* row = in.row(span.first + i) + at;
      if (count == kBlock) {  // a fixed length makes better code
        for (std::size_t k = 0; k < kBlock; ++k) sums[k] += weights[i] * row[k];
      } else {
        for (std::size_t k = 0; k < count; ++k) sums[k] += weights[i] * row[k];
      }
    }
    if (count == kBlock) {
      for (std::size_t k = 0; k < kBlock; ++k) out[at + k] = to_byte(sums[k]);
    } else {
      for (std::size_t k = 0; k < count; ++k) out[at + k] = to_byte(sums[k]);
    }
  }
}

[[gnu::always_inline]] inline void blend_all_rows(const Image& in, const Weights& weights,
                                                  Image& out) {
  for (int y = 0; y < out.height; ++y) {
    const Span& span = weights.spans[static_cast<std::size_t>(y)];
    blend_one_row(in, span, &weights.values[span.weights], out.row(y));
  }
}

#ifdef __x86_64__

constexpr int kGroup = 4;          // pixels that are multiplied at once
constexpr std::size_t kLoad = 16;  // bytes that are read for them
constexpr int kLowBits = 11;

// The weights of four pixels as the multiplication wants them: for each of three colours and one
// unused place a pair, first of pixels 0 and 1, then of 2 and 3.
struct alignas(32) WeightGroup {
  std::array<std::int16_t, 16> upper{};
  std::array<std::int16_t, 16> lower{};
};

struct Groups {
  std::vector<WeightGroup> groups;
  std::vector<int> counts;  // per span
};

Groups group_weights(const Weights& weights) {
  Groups grouped;
  for (const Span& span : weights.spans) {
    const int count = (span.count + kGroup - 1) / kGroup;
    grouped.counts.push_back(count);
    for (int first = 0; first < count * kGroup; first += kGroup) {
      WeightGroup& group = grouped.groups.emplace_back();
      for (int i = 0; i < kGroup && first + i < span.count; ++i) {
        const std::int32_t weight =
            weights.values[span.weights + static_cast<std::size_t>(first + i)];
        for (int colour = 0; colour < 4; ++colour) {
          const int lane = i / 2 * 8 + colour * 2 + i % 2;
          const auto place = static_cast<std::size_t>(lane);
          group.upper[place] = static_cast<std::int16_t>(weight >> kLowBits);
          group.lower[place] = static_cast<std::int16_t>(weight & ((1 << kLowBits) - 1));
        }
      }
    }
  }
  return grouped;
}

// The colours of one output pixel, a number of 32 bits each, rounded and not yet cut to a byte.
// `group` is moved on to the next pixel's. Reads up to kLoad bytes past the last weighted pixel.
[[gnu::target("avx2"), gnu::always_inline]] inline __m128i blend_pixel_avx2(
    const std::uint8_t* in, const Span& span, int groups, const WeightGroup*& group) {
  const std::uint8_t* pixels = in + static_cast<std::ptrdiff_t>(span.first) * 3;
  // R0 R1 G0 G1 B0 B1 - - in the lower half, of pixels 2 and 3 in the upper; -1 gives 0.
  const __m256i spread =
      _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,  //
                       6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  __m256i upper = _mm256_setzero_si256();
  __m256i lower = _mm256_setzero_si256();
  for (int k = 0; k < groups; ++k, ++group, pixels += 3 * kGroup) {
    const __m128i four = _mm_loadu_si128(reinterpret_cast<const __m128i*>(pixels));
    const __m256i pairs = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(four), spread);
    const auto* by_upper = reinterpret_cast<const __m256i*>(group->upper.data());
    const auto* by_lower = reinterpret_cast<const __m256i*>(group->lower.data());
    upper = _mm256_add_epi32(upper, _mm256_madd_epi16(pairs, _mm256_load_si256(by_upper)));
    lower = _mm256_add_epi32(lower, _mm256_madd_epi16(pairs, _mm256_load_si256(by_lower)));
  }
  const __m256i halves = _mm256_add_epi32(_mm256_slli_epi32(upper, kLowBits), lower);
  const __m128i sum =
      _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
  return _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(kHalf)), kWeightBits);
}

[[gnu::target("avx2")]] void blend_row_avx2(const std::uint8_t* in, const Weights& weights,
                                            const Groups& grouped, std::uint8_t* out) {
  const WeightGroup* group = grouped.groups.data();
  // Four at a time, as 16 bytes without the unused fourth colours; so two more have to follow.
  const __m128i close = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
  const std::vector<Span>& spans = weights.spans;
  const std::vector<int>& counts = grouped.counts;
  std::size_t i = 0;
  for (; i + 6 <= spans.size(); i += 4, out += 12) {
    const __m128i a = blend_pixel_avx2(in, spans[i], counts[i], group);
    const __m128i b = blend_pixel_avx2(in, spans[i + 1], counts[i + 1], group);
    const __m128i c = blend_pixel_avx2(in, spans[i + 2], counts[i + 2], group);
    const __m128i d = blend_pixel_avx2(in, spans[i + 3], counts[i + 3], group);
    const __m128i bytes = _mm_packus_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(bytes, close));
  }
  for (; i < spans.size(); ++i, out += 3) {
    const __m128i sum = blend_pixel_avx2(in, spans[i], counts[i], group);
    const __m128i bytes = _mm_packus_epi16(_mm_packs_epi32(sum, sum), sum);
    const auto colours = static_cast<std::uint32_t>(_mm_cvtsi128_si32(bytes));
    out[0] = static_cast<std::uint8_t>(colours);
    out[1] = static_cast<std::uint8_t>(colours >> 8);
    out[2] = static_cast<std::uint8_t>(colours >> 16);
  }
}

void blend_columns_avx2(const Image& in, int first_row, const Weights& weights, Image& out) {
  const Groups grouped = group_weights(weights);
  const std::size_t row_bytes = static_cast<std::size_t>(in.width) * 3;
  const std::uint8_t* end = in.rgb.data() + in.rgb.size();
  std::vector<std::uint8_t> padded(row_bytes + kLoad);
  for (int y = 0; y < out.height; ++y) {
    const std::uint8_t* row = in.row(first_row + y);
    if (static_cast<std::size_t>(end - row) < row_bytes + kLoad) {
      std::memcpy(padded.data(), row, row_bytes);
      row = padded.data();
    }
    blend_row_avx2(row, weights, grouped, out.row(y));
  }
}

[[gnu::target("avx2")]] void blend_rows_avx2(const Image& in, const Weights& weights, Image& out) {
  blend_all_rows(in, weights, out);
}

bool has_avx2() {
  static const bool has = __builtin_cpu_supports("avx2") != 0;
  return has;
}

#endif

}  // namespace

void blend_columns_plainly(const Image& in, int first_row, const Weights& weights, Image& out) {
  for (int y = 0; y < out.height; ++y) {
    const std::uint8_t* row = in.row(first_row + y);
    std::uint8_t* to = out.row(y);
    for (const Span& span : weights.spans) {
      const std::uint8_t* pixel = row + static_cast<std::ptrdiff_t>(span.first) * 3;
      const std::int32_t* weight = &weights.values[span.weights];
      std::int32_t red = 0, green = 0, blue = 0;
      for (int i = 0; i < span.count; ++i, pixel += 3) {
        red += weight[i] * pixel[0];
        green += weight[i] * pixel[1];
        blue += weight[i] * pixel[2];
      }
      *to++ = to_byte(red);
      *to++ = to_byte(green);
      *to++ = to_byte(blue);
    }
  }
}

void blend_rows_plainly(const Image& in, const Weights& weights, Image& out) {
  blend_all_rows(in, weights, out);
}

void blend_columns(const Image& in, int first_row, const Weights& weights, Image& out) {
#ifdef __x86_64__
  if (has_avx2()) return blend_columns_avx2(in, first_row, weights, out);
#endif
  blend_columns_plainly(in, first_row, weights, out);
}

void blend_rows(const Image& in, const Weights& weights, Image& out) {
#ifdef __x86_64__
  if (has_avx2()) return blend_rows_avx2(in, weights, out);
#endif
  blend_all_rows(in, weights, out);
}

}  // namespace anynpu::vision
