// SPDX-License-Identifier: Apache-2.0
// Values of the reference implementations themselves: torchaudio 0.13.1 (MelSpectrogram and
// compliance.kaldi.fbank, in double precision; Whisper's as its log_mel_spectrogram does it on
// torch), and openWakeWord's melspectrogram.onnx on ONNX Runtime 1.30.
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <gtest/gtest.h>

#include "mel/front_end.h"

namespace anynpu::mel {
namespace {

/// One second of two triangle waves and noise, in integers only.
std::vector<std::int16_t> golden_signal() {
  std::vector<std::int16_t> samples;
  std::uint32_t state = 1;
  for (int i = 0; i < 16000; ++i) {
    state = state * 1664525U + 1013904223U;
    const int slow = std::abs(i * 37 % 400 - 200) - 100;
    const int fast = std::abs(i * (3 + i / 4000) % 64 - 32) - 16;
    const int noise = static_cast<int>(state >> 20) - 2048;
    const int eighth = noise >= 0 ? noise / 8 : -((-noise + 7) / 8);  // rounded down
    samples.push_back(
        static_cast<std::int16_t>(60 * slow + (i / 1600 % 2 != 0 ? 150 * fast : 0) + eighth));
  }
  return samples;
}

struct Golden {
  const char* name;
  MelOptions options;
  std::size_t frames;
  std::size_t bins[6];
  struct Row {
    std::size_t frame;
    double values[6];
  } rows[4];
  double most;  // difference; relative for energies
};

const Golden kGolden[] = {
    {"plain",
     plain(),
     98,
     {0, 5, 20, 40, 60, 79},
     {{0, {-4.33706029, -4.00254494, -4.01507966, -4.60219963, -3.92505129, -3.9050062}},
      {37, {-4.24201155, -3.70236376, -4.00640249, -3.66008807, -4.29594329, -4.04162704}},
      {97, {-4.29207954, -4.02788832, -4.90440039, -4.24172438, -4.3273566, -3.7426454}}},
     2e-5},
    {"whisper",
     whisper(80),
     100,
     {0, 5, 20, 40, 60, 79},
     {{0, {-0.447629801, -0.191617504, -0.0257872189, -0.140834125, -0.0232174041, 0.0217719249}},
      {1, {-0.216476911, 0.00351220409, 0.057185635, -0.122919057, 0.0535282345, 0.0148362066}},
      {50, {0.0327270786, 0.106891662, 0.212191026, 0.258034209, 0.321752376, 0.0312350018}},
      {99, {-0.283274044, 0.0187311237, -0.0753416307, 0.1815401, -0.0132085836, 0.0804035864}}},
     5e-6},
    {"whisper-128",
     whisper(128),
     100,
     {0, 5, 20, 40, 60, 127},
     {{0, {-0.52338902, -0.275071135, -0.210052223, 0.0879271013, 0.817192556, 0.00190709237}},
      {1, {-0.29223613, -0.361886067, 0.0556589062, -0.249092193, 0.820074313, -0.0674126603}},
      {50, {-0.0430321404, -0.107871945, 0.0429083175, 0.408184983, 0.819771455, -0.040821984}},
      {99, {-0.359033263, -0.0507306555, 0.074413014, 0.189298659, 0.898562914, -0.0825590394}}},
     5e-6},
    {"librosa",
     librosa(22050, 2048, 512, 128),
     32,
     {0, 5, 20, 40, 100, 127},
     {{0,
       {0.00137972631, 0.000837820327, 0.00246004491, 0.00459978986, 0.00157650499, 0.00131563131}},
      {15,
       {0.00238469777, 0.000495018227, 0.00232260322, 0.00177114188, 0.0109141308, 0.00117188198}},
      {31,
       {0.00254125982, 0.00299069112, 0.00303861936, 0.0111074942, 0.00205923326, 0.00245613665}}},
     1e-4},
    {"librosa-htk",
     librosa(16000, 1024, 256, 64, Scale::kHtk, true),
     63,
     {0, 5, 20, 40, 60, 63},
     {{0, {0.00530740627, 0.00661123883, 0.0193707802, 0.0158403592, 0.00629145107, 0.00830569487}},
      {30,
       {0.00955669892, 0.00274837074, 0.00488470262, 0.00952320865, 0.0048478211, 0.00579843592}},
      {62, {0.00610529768, 0.0114518378, 0.0198529989, 0.0169067427, 0.00802073268, 0.0115153263}}},
     1e-4},
    {"kaldi",
     kaldi(),
     98,
     {0, 5, 20, 40, 60, 79},
     {{0, {7.78524039, 7.67606246, 12.127955, 15.5312354, 16.64833, 18.7960874}},
      {37, {7.6703179, 9.49355129, 10.8100326, 14.0253784, 17.2382593, 18.437228}},
      {97, {7.52151618, 9.8283435, 12.3504044, 14.674331, 17.3419322, 18.6679653}}},
     5e-4},
    {"kaldi without snip_edges",
     kaldi(80, 16000, false),
     100,
     {0, 5, 20, 40, 60, 79},
     {{0, {9.01015474, 10.9875036, 14.6945774, 17.4510244, 17.6431523, 18.9234879}},
      {37, {7.12391155, 10.4161688, 11.5187854, 14.7869958, 18.1429225, 18.4096281}},
      {99, {10.5773739, 12.1856038, 16.0787321, 18.568696, 17.747036, 19.441405}}},
     5e-4},
    {"openwakeword",
     openwakeword(),
     97,
     {0, 5, 12, 20, 28, 31},
     {{0, {45.361423, 52.762310, 46.312260, 55.030293, 47.886055, 48.602100}},
      {37, {52.212624, 48.174110, 83.532639, 56.030361, 63.464607, 50.755070}},
      {95, {48.252743, 56.707577, 49.060226, 63.570061, 49.475365, 48.806477}}},
     5e-4},
};

TEST(Golden, EveryVariantHasItsReferencesValues) {
  const std::vector<std::int16_t> samples = golden_signal();
  ASSERT_EQ(samples[0], 5865);
  ASSERT_EQ(samples[7], -2432);
  for (const Golden& golden : kGolden)
    for (const Kernel& kernel : kernels()) {
      auto front_end = FrontEnd::create(golden.options, kernel);
      ASSERT_TRUE(front_end) << golden.name;
      ASSERT_EQ(front_end->frames(samples.size()), golden.frames) << golden.name;
      std::vector<float> got(golden.frames * front_end->bins());
      front_end->compute(samples, got.data());
      double largest = 0;
      std::size_t at_frame = 0, at_bin = 0;
      for (const Golden::Row& row : golden.rows) {
        if (row.values[0] == 0) continue;  // an entry with three rows
        for (std::size_t i = 0; i < 6; ++i) {
          const double want = row.values[i];
          double error = std::abs(got[golden.bins[i] * golden.frames + row.frame] - want);
          if (golden.options.logarithm == Logarithm::kNone) error /= want;
          if (error <= largest) continue;
          largest = error;
          at_frame = row.frame;
          at_bin = golden.bins[i];
        }
      }
      EXPECT_LE(largest, golden.most)
          << golden.name << " " << kernel.name << ": frame " << at_frame << " bin " << at_bin;
      std::printf("    %-24s %-6s largest difference %.1e (frame %zu, bin %zu)\n", golden.name,
                  kernel.name, largest, at_frame, at_bin);
    }
}

}  // namespace
}  // namespace anynpu::mel
