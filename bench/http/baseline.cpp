// SPDX-License-Identifier: Apache-2.0
// Engine and decode alone: what the cores can do when nothing is served. T threads, each with a
// session of its own in this process, decode a picture, resize it, run the model and pick the
// labels.
//
//   baseline MODEL PLACEMENT PICTURE THREADS SECONDS
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/file.h"
#include "engine/engines.h"
#include "model/store.h"
#include "runtime/canary.h"
#include "runtime/choose.h"
#include "vision/image_model.h"

namespace {

using namespace anynpu;

[[noreturn]] void fail(const Error& error) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  std::exit(1);
}

runtime::Placement find_placement(const model::Package& package, const std::string& wanted) {
  for (const model::Artifact& artifact : package.latest().artifacts) {
    auto engine = engine::open_engine(artifact.engine);
    if (!engine) fail(engine.error());
    for (const std::string& variant : (*engine)->variants()) {
      runtime::Placement placement{artifact, artifact.engine, variant, "cpu", 1};
      if (placement.id().find(wanted) != std::string::npos) return placement;
    }
  }
  fail(Error{Code::kNotFound, "no placement like " + wanted});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: baseline MODEL PLACEMENT PICTURE THREADS SECONDS\n");
    return 2;
  }
  auto package = model::open_package(argv[1]);
  if (!package) fail(package.error());
  const runtime::Placement placement = find_placement(*package, argv[2]);
  auto picture = read_bytes(argv[3], std::size_t{64} << 20);
  if (!picture) fail(picture.error());
  const int threads = std::atoi(argv[4]);
  const double measured_seconds = std::atof(argv[5]);

  std::mutex mutex;
  std::vector<double> times;
  auto work = [&] {
    auto worker = runtime::start_worker(placement, false, Clock::now() + seconds(60));
    if (!worker) fail(worker.error());
    auto image_model = vision::ImageModel::create(*package, (*worker)->session());
    if (!image_model) fail(image_model.error());
    std::vector<double> own;
    TimePoint end = Clock::now() + std::chrono::duration_cast<Duration>(
                                       std::chrono::duration<double>(measured_seconds));
    while (Clock::now() < end) {
      TimePoint start = Clock::now();
      auto image = image_model->prepare(*picture);
      if (!image) fail(image.error());
      const runtime::InputSource* sources[] = {image->get()};
      auto ran = runtime::run_batch(**worker, sources, {}, end + seconds(60));
      if (!ran) fail(ran.error().error);
      auto predictions = image_model->interpret(ran->outputs[0], **image, {});
      if (!predictions || predictions->empty()) fail(Error{Code::kInternal, "no prediction"});
      own.push_back(ms_since(start));
    }
    std::lock_guard lock(mutex);
    times.insert(times.end(), own.begin(), own.end());
  };
  std::vector<std::thread> pool;
  for (int i = 0; i < threads; ++i) pool.emplace_back(work);
  for (std::thread& thread : pool) thread.join();
  std::sort(times.begin(), times.end());
  std::printf(
      "{\"threads\": %d, \"requests\": %zu, \"per_second\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": "
      "%.3f}\n",
      threads, times.size(), static_cast<double>(times.size()) / measured_seconds,
      times[times.size() / 2], times[times.size() * 99 / 100]);
}
