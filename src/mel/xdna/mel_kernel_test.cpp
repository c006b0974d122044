// SPDX-License-Identifier: Apache-2.0
// The tile's kernel against the float front end, and its memory against the tile's.
#include "mel/xdna/mel_kernel.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mel/front_end.h"
#include "mel/test_signals.h"
#include "mel/xdna/memory_budget.h"
#include "mel/xdna/tile_kernel.h"

namespace anynpu::mel::xdna {
namespace {

std::vector<std::int8_t> kernel_features(const std::vector<std::int16_t>& samples, int batch) {
  std::vector<std::int32_t> scratch(kScratchWords, 0x55555555);
  const int frames = (static_cast<int>(samples.size()) - kWindow) / kHop + 1;
  std::vector<std::int8_t> features(static_cast<std::size_t>(frames) * kBins);
  for (int done = 0; done < frames; done += batch)
    anynpu_mel_batch(samples.data() + done * kHop, features.data() + done * kBins, scratch.data(),
                     std::min(batch, frames - done), kHop);
  return features;
}

double base10(std::int8_t feature) {
  return std::log10(2.0) * (feature - kFeatureOfOne) / kFeaturesPerOctave;
}

std::vector<float> float_features(const std::vector<std::int16_t>& samples) {
  auto front_end = FrontEnd::create(plain());
  std::vector<float> mel(front_end->frames(samples.size()) * 80);
  front_end->compute(samples, mel.data(), Layout::kFramesFirst);
  return mel;
}

/// Cosine distance of features as Whisper takes them.
double distance(const std::vector<double>& fixed, const std::vector<double>& exact) {
  auto normalised = [](std::vector<double> values) {
    const double largest = *std::max_element(values.begin(), values.end());
    for (double& value : values) value = (std::max(value, largest - 8) + 4) / 4;
    return values;
  };
  const std::vector<double> a = normalised(fixed), b = normalised(exact);
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return 1 - ab / std::sqrt(aa * bb);
}

TEST(TileKernel, FeaturesAreThoseOfTheFloatFrontEndWithinAStep) {
  for (double gain : {1.0, 0.1, 0.01}) {
    std::vector<std::int16_t> samples = speech_like(160000, 21);
    for (std::int16_t& s : samples) s = static_cast<std::int16_t>(std::lround(s * gain));
    const std::vector<std::int8_t> features = kernel_features(samples, 20);
    const std::vector<float> exact = float_features(samples);
    ASSERT_EQ(features.size(), exact.size());
    std::vector<double> fixed, wanted;
    double largest = 0, sum = 0;
    const double floor = base10(-128);
    for (std::size_t frame = 0; frame < exact.size() / 80; ++frame) {
      const float* row = exact.data() + frame * 80;
      const double strongest = *std::max_element(row, row + 80);
      for (std::size_t bin = 0; bin < 80; ++bin) {
        fixed.push_back(base10(features[frame * 80 + bin]));
        wanted.push_back(std::max<double>(row[bin], floor));
        sum += std::abs(fixed.back() - wanted.back());
        // 8 decades below the strongest bin of its frame is what a 31-bit spectrum resolves.
        if (row[bin] > strongest - 7)
          largest = std::max(largest, std::abs(fixed.back() - wanted.back()));
      }
    }
    const double cosine = distance(fixed, wanted);
    std::printf("    gain %.2f: cosine distance %.2e, mean error %.4f, largest %.4f (step %.4f)\n",
                gain, cosine, sum / static_cast<double>(fixed.size()), largest,
                std::log10(2.0) / kFeaturesPerOctave);
    EXPECT_LT(cosine, 0.001);
    EXPECT_LT(largest, 2 * std::log10(2.0) / kFeaturesPerOctave);
  }
}

TEST(TileKernel, NothingOverflowsAtFullScale) {
  // Square waves of every length, constants and the two extremes alternating: the largest sums.
  for (int period : {0, 1, 2, 3, 5, 8, 16, 25, 50, 100, 200, 400}) {
    std::vector<std::int16_t> samples(kWindow + 8 * kHop);
    for (std::size_t i = 0; i < samples.size(); ++i)
      samples[i] = period != 0 && (i / static_cast<std::size_t>(period)) % 2 != 0 ? 32767 : -32768;
    const std::vector<std::int8_t> features = kernel_features(samples, 9);
    const std::vector<float> exact = float_features(samples);
    for (std::size_t i = 0; i < exact.size(); ++i) {
      const double strongest =
          *std::max_element(exact.begin() + static_cast<std::ptrdiff_t>(i / 80 * 80),
                            exact.begin() + static_cast<std::ptrdiff_t>(i / 80 * 80 + 80));
      if (exact[i] < strongest - 6) continue;
      const double wanted = std::clamp<double>(exact[i], base10(-128), base10(127));
      ASSERT_NEAR(base10(features[i]), wanted, 0.08) << "period " << period << " value " << i;
    }
  }
}

TEST(TileKernel, SilenceIsTheLeastFeature) {
  const std::vector<std::int16_t> silence(2000, 0);
  EXPECT_THAT(kernel_features(silence, 4), testing::Each(-128));
}

TEST(TileKernel, TakesTheFloatKernelsPlace) {
  std::vector<float> samples;
  for (const std::int16_t sample : speech_like(160000, 21))
    samples.push_back(static_cast<float>(sample) / 32768.0F);
  auto exact = FrontEnd::create(whisper());
  auto fixed = FrontEnd::create(whisper(), tile_kernel());
  ASSERT_TRUE(exact && fixed);
  const std::size_t count = exact->frames(samples.size()) * 80;
  std::vector<float> a(count), b(count), rows(count);
  exact->compute(std::span<const float>(samples), a.data());
  fixed->compute(std::span<const float>(samples), b.data());
  fixed->compute(std::span<const float>(samples), rows.data(), Layout::kFramesFirst, 2);
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < count; ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
    ASSERT_NEAR(rows[i % (count / 80) * 80 + i / (count / 80)], b[i], 1e-6) << i;
  }
  EXPECT_LT(1 - ab / std::sqrt(aa * bb), 0.001);
  EXPECT_NE(a, b);
}

TEST(TileKernel, BatchesAndStridesGiveTheSameBits) {
  const std::vector<std::int16_t> samples = speech_like(8000, 4);
  const std::vector<std::int8_t> one = kernel_features(samples, 1);
  for (int batch : {2, 7, 8, 10, 20, 48}) EXPECT_EQ(kernel_features(samples, batch), one) << batch;
  const auto frames = static_cast<std::int32_t>(one.size()) / kBins;
  std::vector<std::int16_t> apart;
  for (std::int32_t f = 0; f < frames; ++f)
    apart.insert(apart.end(), samples.begin() + f * kHop, samples.begin() + f * kHop + kWindow);
  std::vector<std::int32_t> scratch(kScratchWords);
  std::vector<std::int8_t> features(one.size());
  anynpu_mel_batch(apart.data(), features.data(), scratch.data(), frames, kWindow);
  EXPECT_EQ(features, one);
}

TEST(MemoryBudget, FitsTheTileWithDoubleBuffering) {
  const MemoryBudget budget = memory_budget(20, kHop);
  EXPECT_EQ(budget.input_object, ((20 - 1) * 160 + 400) * 2);
  EXPECT_EQ(budget.output_object, 20 * 80);
  EXPECT_EQ(budget.input, 2 * budget.input_object);
  EXPECT_EQ(budget.scratch, kScratchWords * 4);
  EXPECT_EQ(budget.total(),
            budget.stack + budget.input + budget.output + budget.scratch + budget.constants);
  EXPECT_GE(budget.left(), 0);
  for (std::int32_t stride : {kHop, kWindow}) {
    const std::int32_t most = most_frames_per_tile(stride);
    EXPECT_GE(memory_budget(most, stride).left(), 0);
    EXPECT_LT(memory_budget(most + 1, stride).left(), 0);
    EXPECT_GE(most, 10);
  }
}

TEST(MemoryBudget, LargerBatchesTakeMoreTiles) {
  for (std::int32_t batch : {1, 10, 20}) EXPECT_EQ(plan_tiles(batch, kHop)->tiles, 1) << batch;
  for (std::int32_t batch = 1; batch <= 16 * most_frames_per_tile(kHop); ++batch) {
    auto plan = plan_tiles(batch, kHop);
    ASSERT_TRUE(plan) << batch;
    EXPECT_GE(plan->tiles * plan->frames_per_tile, batch);
    EXPECT_GE(plan->budget.left(), 0);
  }
  EXPECT_EQ(plan_tiles(64, kHop, 16)->frames_per_tile, 4);
  EXPECT_EQ(plan_tiles(16 * most_frames_per_tile(kHop) + 1, kHop).error().code, Code::kTooLarge);
  EXPECT_EQ(plan_tiles(0, kHop).error().code, Code::kInvalid);
  EXPECT_EQ(plan_tiles(1000, kHop, 1).error().code, Code::kTooLarge);
}

}  // namespace
}  // namespace anynpu::mel::xdna
