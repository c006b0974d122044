// SPDX-License-Identifier: Apache-2.0
// Engine and decode alone: what the cores can do when nothing is served. T threads, each with a
// session of its own in this process, do what POST /infer does to a picture.
//
//   baseline MODEL PLACEMENT PICTURE THREADS WARM_UP SECONDS
//
// All threads begin together, when every session is loaded; what ends in the seconds of warm-up is
// not counted.
#include <algorithm>
#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "../same_memory.h"
#include "direct.h"

namespace {

using namespace anynpu;

[[noreturn]] void fail(const Error& error) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  std::exit(1);
}

Duration seconds_of(const char* text) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::atof(text)));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "usage: baseline MODEL PLACEMENT PICTURE THREADS WARM_UP SECONDS\n");
    return 2;
  }
  bench::take_same_memory(argv);
  auto picture = read_bytes(argv[3], std::size_t{64} << 20);
  if (!picture) fail(picture.error());
  const int threads = std::max(1, std::atoi(argv[4]));
  const Duration warm_up = seconds_of(argv[5]), measured = seconds_of(argv[6]);

  std::mutex mutex;
  std::vector<double> times;
  std::barrier loaded(threads);
  auto work = [&] {
    auto call = bench::DirectCall::make(argv[1], argv[2]);
    if (!call) fail(call.error());
    std::vector<double> own;
    loaded.arrive_and_wait();
    const TimePoint begin = Clock::now() + warm_up;
    while (true) {
      const TimePoint start = Clock::now();
      if (auto called = (*call)(*picture); !called) fail(called.error());
      const TimePoint now = Clock::now();
      if (now > begin + measured) break;
      if (now >= begin) own.push_back(to_ms(now - start));
    }
    std::lock_guard lock(mutex);
    times.insert(times.end(), own.begin(), own.end());
  };
  std::vector<std::thread> pool;
  for (int i = 0; i < threads; ++i) pool.emplace_back(work);
  for (std::thread& thread : pool) thread.join();
  if (times.empty()) fail(Error{Code::kTimeout, "no call ended in time"});
  std::sort(times.begin(), times.end());
  std::printf(
      "{\"threads\": %d, \"requests\": %zu, \"per_second\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": "
      "%.3f}\n",
      threads, times.size(), static_cast<double>(times.size()) * 1000 / to_ms(measured),
      times[times.size() / 2], times[times.size() * 99 / 100]);
}
