// SPDX-License-Identifier: Apache-2.0
// The mel front ends of bench/mel/compare.py that are reached from C++: anynpu's kernels, a loop
// over FFTW, whisper.cpp and kaldi-native-fbank.
//
//   mel_peers SAMPLES [FOLDER]
//
// Writes ten minutes of int16 at 16 kHz to the file SAMPLES, for peers in other programs; FOLDER is
// what tools/mel-peers makes. Says "way NAME" for each and "ready"; then does for each name that it
// reads one pass over all samples on one thread, and says how many nanoseconds a frame took.
#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/mel_fftw.h"
#include "bench/mel_narrow.h"
#include "libraries.h"
#include "mel/front_end.h"
#include "mel/test_signals.h"

namespace anynpu::bench {
namespace {

constexpr int kMinutes = 10;
constexpr std::size_t kFiveSeconds = 80000, kThirtySeconds = 480000;

/// One pass; how many frames it made.
using Pass = std::function<std::size_t()>;

Pass anynpu_pass(const mel::MelOptions& options, const mel::Kernel& kernel,
                 const std::vector<std::int16_t>& samples, std::size_t chunk) {
  auto front_end = std::make_shared<mel::FrontEnd>(*mel::FrontEnd::create(options, kernel));
  auto out = std::make_shared<std::vector<float>>(front_end->frames(chunk) * front_end->bins());
  return [=, &samples] {
    std::size_t frames = 0;
    for (std::size_t at = 0; at + chunk <= samples.size(); at += chunk) {
      front_end->compute(std::span(samples).subspan(at, chunk), out->data());
      frames += front_end->frames(chunk);
    }
    return frames;
  };
}

double run(const Pass& pass) {
  const auto start = std::chrono::steady_clock::now();
  const std::size_t frames = pass();
  const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - start;
  return taken.count() / static_cast<double>(frames);
}

int serve(const std::string& file, const std::string& folder) {
  const std::vector<std::int16_t> minute = mel::speech_like(std::size_t{60} * 16000);
  std::vector<std::int16_t> samples;
  for (int i = 0; i < kMinutes; ++i) samples.insert(samples.end(), minute.begin(), minute.end());
  std::ofstream out_file(file, std::ios::binary);
  out_file.write(reinterpret_cast<const char*>(samples.data()),
                 static_cast<std::streamsize>(samples.size() * sizeof(samples[0])));
  out_file.close();
  if (!out_file) throw std::runtime_error("cannot write " + file);
  std::vector<float> floats(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i)
    floats[i] = static_cast<float>(samples[i]) / 32768;

  std::map<std::string, Pass> ways;
  for (const mel::Kernel& kernel : mel::kernels()) {
    if (kernel.lanes == 1) continue;
    ways[std::string("anynpu ") + kernel.name] =
        anynpu_pass(mel::plain(), kernel, samples, kFiveSeconds);
  }
  const mel::Kernel& best = mel::kernels().front();
  ways[std::string("anynpu whisper ") + best.name] =
      anynpu_pass(mel::whisper(), best, samples, kThirtySeconds);
#if defined(__x86_64__)
  static const mel::Kernel narrow = mel::narrow_kernel();
  if (best.lanes >= 8)
    ways["anynpu FMA128"] = anynpu_pass(mel::plain(), narrow, samples, kFiveSeconds);
#endif
  FftwMel fftw;
  std::vector<float> out((samples.size() / 160 + 1) * 80);
  ways["FFTW loop"] = [&] {
    fftw.compute(samples, out.data());
    return (samples.size() - 400) / 160 + 1;
  };
  std::unique_ptr<WhisperCpp> whisper;
  std::unique_ptr<KaldiNativeFbank> fbank;
  if (!folder.empty()) {
    whisper = std::make_unique<WhisperCpp>(folder);
    ways["whisper.cpp " + whisper->version()] = [&] { return whisper->compute(floats); };
    fbank = std::make_unique<KaldiNativeFbank>(folder);
    ways["kaldi-native-fbank"] = [&] { return fbank->compute(floats, kFiveSeconds); };
  }

  for (const auto& [name, pass] : ways) std::cout << "way " << name << '\n';
  std::cout << "ready" << std::endl;
  for (std::string name; std::getline(std::cin, name);)
    std::cout << run(ways.at(name)) << std::endl;
  return 0;
}

}  // namespace
}  // namespace anynpu::bench

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::cerr << "usage: mel_peers SAMPLES [FOLDER]\n";
    return 2;
  }
  try {
    return anynpu::bench::serve(argv[1], argc > 2 ? argv[2] : "");
  } catch (const std::exception& error) {
    std::cerr << "mel_peers: " << error.what() << '\n';
    return 1;
  }
}
