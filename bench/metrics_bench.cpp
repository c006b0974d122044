// SPDX-License-Identifier: Apache-2.0
// What the metrics cost: per request, per inference, and per scrape.
#include <benchmark/benchmark.h>

#include "server/metrics.h"

namespace {

using namespace anynpu;
using server::Metrics;

Metrics& metrics() {
  static Metrics shared;
  return shared;
}

void count_request(benchmark::State& state) {
  server::RequestRecord record;
  record.route = "/v2/models/{model}/infer";
  record.method = "POST";
  record.status = 200;
  record.bytes_in = 150528;
  record.bytes_out = 900;
  for (auto _ : state) metrics().request(record);
}
BENCHMARK(count_request)->Threads(1)->Threads(2);

void count_inference(benchmark::State& state) {
  runtime::Reply reply;
  reply.device = "cpu";
  reply.engine = "tflite+xnnpack";
  server::InferenceTimes times{0.1, 1.2, 0.4, 6.5, 0.05, 8.3};
  server::ModelMetrics& model = metrics().of("mobilenet_v1", 1);
  for (auto _ : state) model.answered(reply, times);
}
BENCHMARK(count_inference)->Threads(1)->Threads(2);

void find_model(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(&metrics().of("mobilenet_v1", 1));
}
BENCHMARK(find_model);

void scrape(benchmark::State& state) {
  server::ServerFigures figures;
  figures.models.resize(4, {.model = "mobilenet_v1", .version = 1, .ready = true});
  for (auto _ : state) benchmark::DoNotOptimize(metrics().text(figures));
}
BENCHMARK(scrape);

}  // namespace
