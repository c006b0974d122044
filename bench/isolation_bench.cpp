// SPDX-License-Identifier: Apache-2.0
// What isolation costs: the same session called directly, through a worker process (shared memory
// and control socket), and through the whole of a served model (queue, lane, worker).
//
//   ANYNPU_BENCH_MODEL=mobilenet_v1 build/release/bin/isolation_bench
#include <cstdlib>
#include <cstring>

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

void BM_Worker(benchmark::State& state, bool isolated) {
  auto worker = start_worker(placement(), isolated, Clock::now() + kLoadLimit);
  if (!worker) return state.SkipWithError(worker.error().message.c_str());
  ZeroSource source;
  const InputSource* sources[] = {&source};
  for (auto _ : state) {
    auto ran = run_batch(**worker, sources, {}, Clock::now() + seconds(60));
    if (!ran) return state.SkipWithError(ran.error().error.message.c_str());
  }
}
BENCHMARK_CAPTURE(BM_Worker, direct, false)->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK_CAPTURE(BM_Worker, process, true)->Unit(benchmark::kMicrosecond)->UseRealTime();

void BM_ServedModel(benchmark::State& state) {
  ServeOptions options;
  options.instances = 1;
  options.only = placement().id();
  auto source = std::make_shared<ZeroSource>();
  auto model = ServedModel::start(package(), package().latest().number, source, options);
  if (!model) return state.SkipWithError(model.error().message.c_str());
  for (auto _ : state) {
    Request request;
    request.input = source;
    auto reply = (*model)->infer(std::move(request));
    if (!reply) return state.SkipWithError(reply.error().message.c_str());
  }
}
BENCHMARK(BM_ServedModel)->Unit(benchmark::kMicrosecond)->UseRealTime();

}  // namespace
}  // namespace anynpu::runtime

int main(int argc, char** argv) {
  if (argc > 3 && std::strcmp(argv[1], "worker") == 0)
    return anynpu::runtime::worker_main(std::atoi(argv[3]));
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
