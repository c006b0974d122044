// SPDX-License-Identifier: Apache-2.0
// The mel front end on ten minutes of audio: every kernel of this processor, one thread and two,
// the variants, and a loop over FFTW beside them. The counter ns_per_frame is what
// docs/benchmarks.md quotes.
//
//   build/release/bin/mel_bench --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
//                               --benchmark_enable_random_interleaving=true
#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "mel/front_end.h"
#include "mel/test_signals.h"
#include "mel/xdna/mel_kernel.h"
#include "mel_fftw.h"
#include "mel_narrow.h"

namespace anynpu::mel {
namespace {

constexpr std::size_t kTenMinutes = std::size_t{600} * 16000;
constexpr std::size_t kLongFrames = 628163;  // 1 h 44 min 41 s

const std::vector<std::int16_t>& audio(std::size_t samples) {
  static std::vector<std::int16_t> all;
  if (all.size() < samples) {
    all = speech_like(std::size_t{60} * 16000);
    const std::vector<std::int16_t> minute = all;
    while (all.size() < samples) all.insert(all.end(), minute.begin(), minute.end());
  }
  return all;
}

/// Runs `work` for as long as the library wants and counts nanoseconds per frame: the median of the
/// iterations, and the best one, which a busy machine disturbs least.
template <typename Work>
void measure(benchmark::State& state, double frames, const Work& work) {
  std::vector<double> times;
  for (auto unused : state) {
    const auto start = std::chrono::steady_clock::now();
    work();
    benchmark::ClobberMemory();
    times.push_back(
        std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(times.begin(), times.end());
  state.counters["ns_per_frame"] = times[times.size() / 2] / frames;
  state.counters["best_ns"] = times.front() / frames;
  state.counters["x_real_time"] = 1e7 * frames / times[times.size() / 2];
}

/// `chunk` samples at a time; the output is used again, as by a caller that passes it on.
void run(benchmark::State& state, const MelOptions& options, const Kernel& kernel,
         std::size_t samples, std::size_t chunk, int threads) {
  const std::vector<std::int16_t>& all = audio(samples);
  auto front_end = FrontEnd::create(options, kernel);
  std::vector<float> out(front_end->frames(std::min(chunk, samples)) * front_end->bins());
  std::size_t frames = 0;
  for (std::size_t at = 0; at < samples; at += chunk)
    frames += front_end->frames(std::min(chunk, samples - at));
  measure(state, static_cast<double>(frames), [&] {
    for (std::size_t at = 0; at < samples; at += chunk)
      front_end->compute(std::span(all).subspan(at, std::min(chunk, samples - at)), out.data(),
                         Layout::kBinsFirst, threads);
  });
}

void run_fftw(benchmark::State& state) {
  std::vector<std::int16_t> samples(audio(kTenMinutes).begin(),
                                    audio(kTenMinutes).begin() + kTenMinutes);
  bench::FftwMel fftw;
  const std::size_t frames = (samples.size() - 400) / 160 + 1;
  std::vector<float> out(frames * 80);
  measure(state, static_cast<double>(frames), [&] { fftw.compute(samples, out.data()); });
}

void run_fixed(benchmark::State& state) {
  const std::vector<std::int16_t>& samples = audio(kTenMinutes);
  constexpr std::int32_t kFrames = 6000;
  std::vector<std::int8_t> features(std::size_t{kFrames} * xdna::kBins);
  std::vector<std::int32_t> scratch(xdna::kScratchWords);
  measure(state, kFrames, [&] {
    anynpu_mel_batch(samples.data(), features.data(), scratch.data(), kFrames, xdna::kHop);
  });
}

void add(const std::string& name, const MelOptions& options, const Kernel& kernel,
         std::size_t samples, std::size_t chunk, int threads) {
  benchmark::RegisterBenchmark(
      (name + "/" + kernel.name + "/threads:" + std::to_string(threads)).c_str(),
      [=, &kernel](benchmark::State& state) {
        run(state, options, kernel, samples, chunk, threads);
      })
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}

const bool kRegistered = [] {
  const std::size_t long_samples = (kLongFrames - 1) * 160 + 400;
  for (const Kernel& kernel : kernels()) {
    if (kernel.lanes == 1) continue;
    for (int threads : {1, 2}) {
      add("plain_5s_chunks", plain(), kernel, kTenMinutes, 80000, threads);
      add("plain_10min", plain(), kernel, kTenMinutes, kTenMinutes, threads);
    }
  }
#if defined(__x86_64__)
  static const Kernel narrow = narrow_kernel();
  if (kernels().front().lanes >= 8) add("plain_5s_chunks", plain(), narrow, kTenMinutes, 80000, 1);
#endif
  const Kernel& best = kernels().front();
  for (int threads : {1, 2}) {
    add("whisper_30s_chunks", whisper(), best, kTenMinutes, 480000, threads);
    add("plain_1h44min", plain(), best, long_samples, long_samples, threads);
  }
  add("whisper128_30s_chunks", whisper(128), best, kTenMinutes, 480000, 1);
  add("kaldi_10min", kaldi(), best, kTenMinutes, kTenMinutes, 1);
  add("openwakeword_1min_chunks", openwakeword(), best, kTenMinutes, 960000, 1);
  benchmark::RegisterBenchmark("fftw_loop_10min", run_fftw)
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
  benchmark::RegisterBenchmark("tile_kernel_on_cpu", run_fixed)
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
  return true;
}();

}  // namespace
}  // namespace anynpu::mel
