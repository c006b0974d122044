// SPDX-License-Identifier: Apache-2.0
// Every variant, on every kernel that this processor has, against the definitions.
#include "mel/front_end.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mel/reference_mel.h"
#include "mel/test_signals.h"

namespace anynpu::mel {
namespace {

using testing::HasSubstr;

// The stated bound. A transform in float has errors of the size of its largest values, so the
// relative error of a bin's energy grows with how far it is below the strongest bin of its frame;
// and a float that holds a logarithm has its own rounding.
constexpr double kRelative = 2e-6;
constexpr double kOfStrongest = 1e-6;
constexpr double kRounding = 3e-7;

struct Errors {
  double of_bound = 0;  // largest error as a part of the bound
  double value = 0;     // largest error of a value; relative to it without a logarithm
  std::size_t frame = 0, bin = 0;
};

Errors compare(const MelOptions& options, const std::vector<float>& got, const ReferenceMel& want) {
  Errors errors;
  const auto bins = static_cast<std::size_t>(options.bins);
  double scale = 1;  // of a value, per relative error of the energy
  if (options.logarithm == Logarithm::kBase10) scale = std::log10(std::exp(1.0));
  if (options.logarithm == Logarithm::kDecibel) scale = 10 * std::log10(std::exp(1.0));
  if (options.whisper_normalised) scale /= 4;
  for (std::size_t frame = 0; frame < want.frames; ++frame) {
    const double* energies = want.energies.data() + frame * bins;
    const double strongest = *std::max_element(energies, energies + bins);
    for (std::size_t bin = 0; bin < bins; ++bin) {
      const double value = want.values[frame * bins + bin];
      double difference = std::abs(got[frame * bins + bin] - value);
      const double energy = std::max(energies[bin], options.floor);
      double ratio = strongest / energy;
      if (!options.magnitude) ratio = std::sqrt(ratio);
      double bound = scale * (kRelative + kOfStrongest * ratio) + kRounding * std::abs(value);
      if (options.logarithm == Logarithm::kNone) {
        if (energies[bin] <= strongest * 1e-12) continue;  // a filter between two spectrum values
        difference /= energy;
        bound = kRelative + kOfStrongest * ratio;
      }
      errors.value = std::max(errors.value, difference);
      if (difference / bound <= errors.of_bound) continue;
      errors.of_bound = difference / bound;
      errors.frame = frame;
      errors.bin = bin;
    }
  }
  return errors;
}

struct Case {
  MelOptions options;
  std::size_t samples;
  std::size_t frames;  // by the reference's own rule
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.options.name << " " << c.options.transform << "/" << c.options.hop << "/"
             << c.options.bins;
}

class Variant : public testing::TestWithParam<Case> {};

TEST_P(Variant, IsItsReferenceOnEveryKernel) {
  const Case& c = GetParam();
  const std::vector<std::int16_t> samples = speech_like(c.samples);
  const ReferenceMel want = reference(c.options, as_double(samples), c.frames);
  for (const Kernel& kernel : kernels()) {
    auto front_end = FrontEnd::create(c.options, kernel);
    ASSERT_TRUE(front_end) << front_end.error().message;
    ASSERT_EQ(front_end->frames(c.samples), c.frames);
    std::vector<float> got(c.frames * front_end->bins());
    front_end->compute(samples, got.data(), Layout::kFramesFirst);
    const Errors errors = compare(c.options, got, want);
    EXPECT_LE(errors.of_bound, 1) << kernel.name << ": frame " << errors.frame << " bin "
                                  << errors.bin;
    std::printf("    %-12s %-5s %.2f of the bound at frame %zu, bin %zu; largest error %.1e\n",
                c.options.name.c_str(), kernel.name, errors.of_bound, errors.frame, errors.bin,
                errors.value);

    std::vector<float> by_bins(got.size());
    front_end->compute(as_float(samples), by_bins.data(), Layout::kBinsFirst);
    for (std::size_t frame = 0; frame < c.frames; ++frame)
      for (std::size_t bin = 0; bin < front_end->bins(); ++bin)
        ASSERT_EQ(by_bins[bin * c.frames + frame], got[frame * front_end->bins() + bin])
            << "float samples, bins first: frame " << frame << " bin " << bin;
  }
}

MelOptions other(int transform, int window, int hop, int bins) {
  MelOptions options = {.name = "other"};
  options.transform = transform;
  options.window_length = window;
  options.hop = hop;
  options.bins = bins;
  return options;
}

MelOptions windowed(Window window) {
  MelOptions options = {.name = "windowed"};
  options.window = window;
  options.preemphasis = 0.9;
  return options;
}

INSTANTIATE_TEST_SUITE_P(
    Mel, Variant,
    testing::Values(
        Case{plain(), 80000, 498}, Case{plain(), 400, 1}, Case{plain(), 3000, 17},
        Case{whisper(80), 32000, 200}, Case{whisper(128), 32000, 200},
        Case{whisper(80), 16123, 100}, Case{whisper(80), 250, 1},
        Case{librosa(16000, 400, 160, 80), 16000, 101},
        Case{librosa(22050, 2048, 512, 128), 22050, 44},
        Case{librosa(22050, 2048, 512, 128, Scale::kHtk), 11025, 22},
        Case{librosa(44100, 1024, 441, 64, Scale::kSlaney, true), 22050, 51},
        Case{librosa(16000, 401, 100, 40), 8000, 80}, Case{librosa(16000, 1001, 250, 40), 8000, 32},
        Case{kaldi(), 32000, 198}, Case{kaldi(40, 8000), 16000, 198},
        Case{kaldi(80, 16000, false), 16000, 100}, Case{openwakeword(), 17760, 108},
        Case{openwakeword(), 1760, 8}, Case{other(320, 300, 100, 40), 8000, 77},
        Case{other(38, 38, 7, 8), 1000, 138}, Case{other(400, 400, 100, 80), 8000, 77},
        Case{other(400, 400, 80, 80), 8000, 96}, Case{other(400, 400, 133, 80), 12000, 88},
        Case{other(400, 400, 400, 80), 8000, 20}, Case{other(400, 400, 250, 80), 8000, 31},
        Case{other(400, 400, 37, 80), 2000, 44}, Case{other(122, 61, 30, 20), 4000, 130},
        Case{windowed(Window::kHamming), 4000, 23},
        Case{windowed(Window::kHannSymmetric), 4000, 23}, Case{windowed(Window::kOnes), 4000, 23}));

TEST(FrontEnd, FiveSecondsArePlainly80By498) {
  auto front_end = FrontEnd::create(plain());
  ASSERT_TRUE(front_end);
  EXPECT_EQ(front_end->bins(), 80U);
  EXPECT_EQ(front_end->frames(std::size_t{5} * 16000), 498U);
  EXPECT_EQ(front_end->frames(399), 0U);
  EXPECT_EQ(front_end->frames(0), 0U);
}

TEST(FrontEnd, ThirtySecondsAre3000FramesOfWhisper) {
  auto front_end = FrontEnd::create(whisper());
  ASSERT_TRUE(front_end);
  EXPECT_EQ(front_end->frames(480000), 3000U);
}

TEST(FrontEnd, SilenceIsTheFloor) {
  auto front_end = FrontEnd::create(plain());
  const std::vector<std::int16_t> silence(4000, 0);
  std::vector<float> mel(front_end->frames(silence.size()) * 80);
  front_end->compute(silence, mel.data());
  EXPECT_THAT(mel, testing::Each(testing::FloatNear(-10, 1e-6F)));
  auto normalised = FrontEnd::create(whisper());
  mel.assign(normalised->frames(silence.size()) * 80, 1);
  normalised->compute(silence, mel.data());
  EXPECT_THAT(mel, testing::Each(testing::FloatNear(-1.5, 1e-6F)));
}

TEST(FrontEnd, EveryKernelIsWithinTheBoundOfEveryOther) {
  const std::vector<std::int16_t> samples = speech_like(48000, 3);
  auto first = FrontEnd::create(plain(), kernels().front());
  ReferenceMel want;
  want.frames = first->frames(samples.size());
  std::vector<float> values(want.frames * 80), got(values.size());
  first->compute(samples, values.data(), Layout::kFramesFirst);
  for (float value : values) {
    want.values.push_back(value);
    want.energies.push_back(std::pow(10, value));
  }
  for (const Kernel& kernel : kernels()) {
    auto front_end = FrontEnd::create(plain(), kernel);
    front_end->compute(samples, got.data(), Layout::kFramesFirst);
    EXPECT_LE(compare(plain(), got, want).of_bound, 1) << kernel.name;
  }
}

TEST(FrontEnd, ThreadsGiveTheSameBits) {
  const std::vector<std::int16_t> samples = speech_like(480000, 5);
  for (const MelOptions& options : {plain(), whisper(), kaldi()}) {
    auto front_end = FrontEnd::create(options);
    std::vector<float> one(front_end->frames(samples.size()) * front_end->bins()), more(one.size());
    for (Layout layout : {Layout::kBinsFirst, Layout::kFramesFirst}) {
      front_end->compute(samples, one.data(), layout, 1);
      for (int threads : {2, 3, 7}) {
        front_end->compute(samples, more.data(), layout, threads);
        ASSERT_EQ(one, more) << options.name << " with " << threads << " threads";
      }
    }
  }
}

TEST(FrontEnd, AFrameDependsOnItsSamplesOnly) {
  const std::vector<std::int16_t> samples = speech_like(16000, 7);
  for (const Kernel& kernel : kernels()) {
    auto front_end = FrontEnd::create(plain(), kernel);
    const std::size_t count = front_end->frames(samples.size());
    std::vector<float> all(count * 80), alone(80);
    front_end->compute(samples, all.data(), Layout::kFramesFirst);
    for (std::size_t frame = 0; frame < count; ++frame) {
      front_end->compute(std::span(samples).subspan(frame * 160, 400), alone.data());
      for (std::size_t bin = 0; bin < 80; ++bin)
        ASSERT_EQ(alone[bin], all[frame * 80 + bin]) << kernel.name << " frame " << frame;
    }
  }
}

TEST(Kernel, Log2IsWithinTwoMillionths) {
  std::vector<float> values;
  for (int exponent = -126; exponent <= 127; exponent += 3)
    for (int i = 0; i < 20000; ++i)
      values.push_back(std::ldexp(1.0F + static_cast<float>(i) / 20000.0F, exponent));
  // Around 1, where the result passes 0.
  for (int i = -5000; i < 5000; ++i) values.push_back(1.0F + static_cast<float>(i) * 1e-5F);
  std::vector<float> got(values.size());
  for (const Kernel& kernel : kernels()) {
    kernel.log2(values, got.data());
    double largest = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double want = std::log2(static_cast<double>(values[i]));
      // The bound of the polynomial, and the rounding of a float of this size.
      largest = std::max(largest, std::abs(got[i] - want) / (1e-7 + 1.2e-7 * std::abs(want)));
    }
    EXPECT_LE(largest, 1.0) << kernel.name;
    std::printf("    %-5s log2 largest error %.3f of 1e-7 + 1.2e-7 |log2 x|\n", kernel.name,
                largest);
  }
}

TEST(Options, AreRefusedWithWhatIsWrong) {
  MelOptions options = plain();
  options.hop = 0;
  EXPECT_THAT(check(options).error().message, HasSubstr("hop"));
  options = plain();
  options.window_length = 401;
  EXPECT_THAT(check(options).error().message, HasSubstr("window of 401"));
  options = plain();
  options.high_hz = 8001;
  EXPECT_THAT(check(options).error().message, HasSubstr("8001"));
  options = plain();
  options.bins = 0;
  EXPECT_THAT(check(options).error().message, HasSubstr("0 bins"));
  options = plain();
  options.floor = 0;
  EXPECT_THAT(check(options).error().message, HasSubstr("floor"));
  options = plain();
  options.transform = 1 << 20;
  EXPECT_THAT(check(options).error().message, HasSubstr("transform"));
  EXPECT_THAT(variant("wisper").error().hint, HasSubstr("whisper"));
  for (const std::string& name : variant_names()) EXPECT_TRUE(variant(name)) << name;
}

}  // namespace
}  // namespace anynpu::mel
