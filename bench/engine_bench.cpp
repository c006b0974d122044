// SPDX-License-Identifier: Apache-2.0
// An engine called directly: the time of one run of an artifact, in each variant, with 1 and 2
// threads.
//
//   ANYNPU_BENCH_MODEL=model.tflite build/release/bin/engine_bench
//
// Without ANYNPU_BENCH_MODEL a convolution of 32 channels over 56 x 56, built here, is run.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include "../tests/support/tiny_tflite.h"
#include "engine/engines.h"

namespace anynpu {
namespace {

std::filesystem::path convolution_file() {
  test::TinyTflite model;
  using test::TfliteType;
  const int x = model.input({"x", TfliteType::kFloat32, {1, 56, 56, 32}});
  const int w = model.constant({"w", TfliteType::kFloat32, {32, 3, 3, 32}},
                               std::vector<float>(32 * 9 * 32, 0.01F));
  const int b = model.constant({"b", TfliteType::kFloat32, {32}}, std::vector<float>(32, 0.5F));
  model.conv_2d(x, w, b, model.output({"y", TfliteType::kFloat32, {1, 56, 56, 32}}));
  const std::vector<std::byte> bytes = model.build();
  auto path = std::filesystem::temp_directory_path() /
              ("anynpu-bench-" + std::to_string(::getpid()) + ".tflite");
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return path;
}

void run_model(benchmark::State& state, const std::string& variant) {
  const char* chosen = std::getenv("ANYNPU_BENCH_MODEL");
  const std::filesystem::path artifact = chosen != nullptr ? chosen : convolution_file();
  auto engine = engine::open_engine(engine::engine_for(artifact));
  if (!engine) return state.SkipWithError(engine.error().message.c_str());
  auto session = (*engine)->load(artifact, {static_cast<int>(state.range(0)), variant});
  if (chosen == nullptr) std::filesystem::remove(artifact);
  if (!session) return state.SkipWithError(session.error().message.c_str());
  const auto& inputs = (*session)->info().inputs;
  std::vector<engine::Shape> shapes;
  for (const engine::TensorInfo& input : inputs) {
    shapes.push_back(input.shape);
    for (std::int64_t& dimension : shapes.back()) dimension = std::max<std::int64_t>(dimension, 1);
  }
  auto done = (*session)->set_input_shapes(shapes);
  for (std::size_t i = 0; done && i < inputs.size(); ++i) {
    const std::vector<std::byte> bytes(
        engine::TensorInfo{"", inputs[i].type, shapes[i]}.byte_size());
    done = (*session)->set_input(i, bytes);
  }
  if (done) done = (*session)->run();  // the warm-up
  if (!done) return state.SkipWithError(done.error().message.c_str());
  for (auto _ : state) {
    done = (*session)->run();
    if (!done) return state.SkipWithError(done.error().message.c_str());
  }
  state.SetLabel((*session)->info().note);
}

void first_variant(benchmark::State& state) {
  run_model(state, "");
}
void plain_tflite(benchmark::State& state) {
  const char* chosen = std::getenv("ANYNPU_BENCH_MODEL");
  run_model(state, chosen == nullptr || engine::engine_for(chosen) == "tflite" ? "plain" : "");
}

BENCHMARK(first_variant)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(plain_tflite)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace anynpu
