// SPDX-License-Identifier: Apache-2.0
// What isolation costs: the same session called directly, through a worker process (shared memory
// and control socket), and through the whole of a served model (queue, lane, worker).
//
// The three are called in turn, so that what else the machine does falls on all alike, and their
// medians are compared: cost_us is what the worker process adds to a direct call.
//
//   ANYNPU_BENCH_MODEL=mobilenet_v1 build/release/bin/isolation_bench
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>

#include "engine/engines.h"
#include "model/store.h"
#include "runtime/choose.h"
#include "runtime/served_model.h"
#include "runtime/worker.h"
#include "runtime/worker_main.h"

namespace anynpu::runtime {
namespace {

class ZeroSource : public InputSource {
 public:
  Result<engine::Shape> shape(std::size_t, const engine::TensorInfo& tensor) const override {
    return tensor.shape;
  }
  Result<> write(std::size_t, const engine::TensorInfo&, std::span<std::byte> to) const override {
    std::memset(to.data(), 0, to.size());
    return {};
  }
};

const model::Package& package() {
  static const model::Package loaded = [] {
    const char* name = std::getenv("ANYNPU_BENCH_MODEL");
    auto found = model::open_package(name != nullptr ? name : "mobilenet_v1");
    if (!found) {
      std::fprintf(stderr, "%s\n", found.error().message.c_str());
      std::exit(1);
    }
    return *found;
  }();
  return loaded;
}

Placement placement() {
  const model::Artifact& artifact = package().latest().artifacts[0];
  auto engine = engine::open_engine(artifact.engine);
  return {artifact, artifact.engine, (*engine)->variants()[0], "cpu", 1};
}

std::unique_ptr<ServedModel> served_model() {
  ServeOptions options;
  options.instances = 1;
  options.only = placement().id();
  auto model = ServedModel::start(package(), package().latest().number,
                                  std::make_shared<ZeroSource>(), options);
  return model ? std::move(*model) : nullptr;
}

double median(std::vector<double>& values) {
  auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void BM_Isolation(benchmark::State& state) {
  auto direct = start_worker(placement(), false, Clock::now() + kLoadLimit);
  auto process = start_worker(placement(), true, Clock::now() + kLoadLimit);
  auto served = served_model();
  if (!direct || !process || !served) return state.SkipWithError("cannot start a worker");
  auto source = std::make_shared<ZeroSource>();
  const InputSource* sources[] = {source.get()};
  auto by = [&](Worker& worker) {
    return run_batch(worker, sources, {}, Clock::now() + seconds(60)).has_value();
  };
  auto by_served = [&] {
    Request request;
    request.input = source;
    return served->infer(std::move(request)).has_value();
  };
  std::vector<double> direct_us, process_us, served_us;
  auto timed = [&](std::vector<double>& times, auto&& call) {
    const TimePoint start = Clock::now();
    if (!call()) state.SkipWithError("a call failed");
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  };
  for (auto _ : state) {
    timed(direct_us, [&] { return by(**direct); });
    timed(process_us, [&] { return by(**process); });
    timed(served_us, by_served);
  }
  const double base = median(direct_us);
  state.counters["direct_us"] = base;
  state.counters["cost_us"] = median(process_us) - base;
  state.counters["served_cost_us"] = median(served_us) - base;
}
BENCHMARK(BM_Isolation)->Iterations(1000)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace anynpu::runtime

int main(int argc, char** argv) {
  if (argc > 3 && std::strcmp(argv[1], "worker") == 0)
    return anynpu::runtime::worker_main(std::atoi(argv[3]));
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
