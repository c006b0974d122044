// SPDX-License-Identifier: Apache-2.0
#include "server/metrics.h"

#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exposition.h"

namespace anynpu::server {
namespace {

using test::Exposition;

runtime::Reply reply(const std::string& device, const std::string& engine) {
  runtime::Reply made;
  made.device = device;
  made.engine = engine;
  return made;
}

RequestRecord request(std::string_view route, std::string_view method, int status) {
  RequestRecord record;
  record.route = route;
  record.method = method;
  record.status = status;
  record.bytes_in = 100;
  record.bytes_out = 10;
  return record;
}

ServerFigures some_figures() {
  ServerFigures figures;
  figures.http = {.connections = 3, .in_flight = 2, .accepted = 9, .refused = 1, .requests = 8};
  figures.decode_waiting = 4;
  ModelFigures model{.model = "mobilenet \"v1\"\\\n", .version = 2, .ready = true};
  model.counters.queued = 5;
  model.counters.in_flight = 6;
  model.counters.worker_restarts = 7;
  runtime::Placement placement;
  placement.device = "cpu";
  placement.engine = "tflite";
  placement.variant = "xnnpack";
  placement.artifact.file = "model.tflite";
  model.placements = {placement, placement};
  model.placements[1].device = "rocket0";
  figures.models = {model, {.model = "loading", .version = 1}};
  return figures;
}

TEST(Metrics, AnEmptyServerIsWellFormed) {
  Exposition page(Metrics().text({}));
  EXPECT_EQ(page.problems(), "");
  EXPECT_EQ(page.type("anynpu_build_info"), "gauge");
}

TEST(Metrics, EverythingIsWellFormed) {
  Metrics metrics;
  metrics.request(request("/infer", "POST", 200));
  ModelMetrics& model = metrics.of("a", 1);
  model.answered(reply("cpu", "tflite"), {1, 2, 3, 4, 5, 15});
  model.answered(reply("rocket0", "teflon"), {0.1, 2, 3, 4, 5, 20000});
  model.failed(Code::kTimeout);
  std::string text = metrics.text(some_figures());
  Exposition page(text);
  EXPECT_EQ(page.problems(), "") << text;
}

TEST(Metrics, CountsRequestsByRouteMethodAndCode) {
  Metrics metrics;
  for (int i = 0; i < 3; ++i) metrics.request(request("/infer", "POST", 200));
  metrics.request(request("/infer", "POST", 503));
  metrics.request(request("", "GET", 404));
  metrics.request(request("/infer", "BREW", 405));
  metrics.request(request("/infer", "POST", 0));
  Exposition page(metrics.text({}));
  auto requests = [&](const std::string& route, const std::string& method, int code) {
    return page.value("anynpu_requests_total{code=\"" + std::to_string(code) + "\",method=\"" +
                      method + "\",route=\"" + route + "\"}");
  };
  EXPECT_EQ(requests("/infer", "POST", 200), 3) << metrics.text({});
  EXPECT_EQ(requests("/infer", "POST", 503), 1);
  EXPECT_EQ(requests("other", "GET", 404), 1) << "unknown paths are one route";
  EXPECT_EQ(requests("/infer", "other", 405), 1) << "and unknown methods one method";
  EXPECT_EQ(requests("/infer", "POST", 499), 1) << "the client went away";
  EXPECT_EQ(page.value("anynpu_http_received_body_bytes_total"), 700);
  EXPECT_EQ(page.value("anynpu_http_sent_bytes_total"), 70);
}

TEST(Metrics, ObservesTheStepsInSeconds) {
  Metrics metrics;
  metrics.of("a", 1).answered(reply("cpu", "tflite"), {.infer_ms = 4, .total_ms = 300});
  Exposition page(metrics.text({}));
  const std::string labels = "device=\"cpu\",model=\"a\",version=\"1\"";
  EXPECT_EQ(page.value("anynpu_infer_seconds_count{" + labels + "}"), 1) << metrics.text({});
  EXPECT_DOUBLE_EQ(page.value("anynpu_infer_seconds_sum{" + labels + "}"), 0.004);
  EXPECT_EQ(page.value("anynpu_infer_seconds_bucket{" + labels + ",le=\"0.0025\"}"), 0);
  EXPECT_EQ(page.value("anynpu_infer_seconds_bucket{" + labels + ",le=\"0.005\"}"), 1);
  EXPECT_EQ(page.value("anynpu_total_seconds_bucket{" + labels + ",le=\"0.25\"}"), 0);
  EXPECT_EQ(page.value("anynpu_decode_seconds_count{" + labels + "}"), 0) << "it had no such step";
  EXPECT_EQ(page.value("anynpu_inference_requests_total{device=\"cpu\",engine=\"tflite\","
                       "model=\"a\",version=\"1\"}"),
            1);
}

TEST(Metrics, ErrorsHaveAReasonFromTheStart) {
  Metrics metrics;
  ModelMetrics& model = metrics.of("a", 3);
  model.failed(Code::kBusy);
  model.failed(Code::kCrashed);
  model.failed(Code::kDevice);
  Exposition page(metrics.text({}));
  auto errors = [&](const std::string& reason) {
    return page.value("anynpu_errors_total{model=\"a\",reason=\"" + reason + "\",version=\"3\"}");
  };
  EXPECT_EQ(errors("rejected"), 1) << metrics.text({});
  EXPECT_EQ(errors("backend"), 2);
  for (const char* none : {"cancelled", "timeout", "input", "other"}) EXPECT_EQ(errors(none), 0);
}

TEST(Metrics, ReasonsOfCodes) {
  EXPECT_EQ(reason_of(Code::kBusy), ErrorReason::kRejected);
  EXPECT_EQ(reason_of(Code::kCancelled), ErrorReason::kCancelled);
  EXPECT_EQ(reason_of(Code::kTimeout), ErrorReason::kTimeout);
  EXPECT_EQ(reason_of(Code::kTooLarge), ErrorReason::kInput);
  EXPECT_EQ(reason_of(Code::kInternal), ErrorReason::kOther);
}

// The words are those of runtime/lane.cpp and runtime/queue.cpp.
TEST(Metrics, FallbacksHaveAClassAndNotTheirWords) {
  EXPECT_EQ(fallback_reason("cpu/tflite/m: the worker did not answer within 2000 ms"), "hang");
  EXPECT_EQ(fallback_reason("cpu/tflite/m: the worker was ended by signal 9 (Killed)"), "crash");
  EXPECT_EQ(fallback_reason("answers the canary otherwise than before: cosine 0.1"), "canary");
  EXPECT_EQ(fallback_reason("the serving placement is not up"), "down");
  EXPECT_EQ(fallback_reason("cpu/tflite/m: Invoke failed"), "error");
  Metrics metrics;
  runtime::Reply made = reply("cpu", "tflite");
  made.fallback = "x: the worker did not answer within 17 ms";
  metrics.of("a", 1).answered(made, {});
  EXPECT_EQ(Exposition(metrics.text({}))
                .value("anynpu_fallbacks_total{model=\"a\",reason=\"hang\",version=\"1\"}"),
            1);
}

TEST(Metrics, ReadsWhatIsWhenAsked) {
  Metrics metrics;
  std::string text = metrics.text(some_figures());
  Exposition page(text);
  const std::string labels = "model=\"mobilenet \\\"v1\\\"\\\\\\n\",version=\"2\"";
  EXPECT_EQ(page.value("anynpu_queue_depth{" + labels + "}"), 5) << text;
  EXPECT_EQ(page.value("anynpu_in_flight{" + labels + "}"), 6);
  EXPECT_EQ(page.value("anynpu_worker_restarts_total{" + labels + "}"), 7);
  EXPECT_EQ(page.value("anynpu_model_ready{" + labels + "}"), 1);
  EXPECT_EQ(page.value("anynpu_model_ready{model=\"loading\",version=\"1\"}"), 0);
  EXPECT_EQ(page.value("anynpu_placement_info{" + labels +
                       ",rank=\"1\",device=\"rocket0\",engine=\"tflite+xnnpack\","
                       "artifact=\"model.tflite\"}"),
            1);
  EXPECT_EQ(page.value("anynpu_connections"), 3);
  EXPECT_EQ(page.value("anynpu_connections_total"), 9);
  EXPECT_EQ(page.value("anynpu_connections_refused_total"), 1);
  EXPECT_EQ(page.value("anynpu_decode_waiting"), 4);
}

TEST(Metrics, TellsOfTheProcess) {
  Exposition page(Metrics().text({}));
  EXPECT_GT(page.value("process_resident_memory_bytes"), 1e6);
  EXPECT_GE(page.value("process_open_fds"), 3);
  EXPECT_GE(page.value("process_max_fds"), page.value("process_open_fds"));
  EXPECT_GE(page.value("process_threads"), 1);
  EXPECT_GT(page.value("process_cpu_seconds_total"), 0);
  double now = static_cast<double>(std::time(nullptr));
  EXPECT_LE(page.value("process_start_time_seconds"), now + 2);
  EXPECT_GT(page.value("process_start_time_seconds"), now - 86400);
}

TEST(Metrics, TheNumberOfSeriesIsBounded) {
  Metrics metrics;
  for (int i = 0; i < 5000; ++i) {
    std::string name = "name" + std::to_string(i);
    metrics.request(request(name, "GET", 200));
    if (i < 400) metrics.of(name, 1).failed(Code::kBusy);
    if (i < 100) metrics.of("one", 1).answered(reply(name, "tflite"), {});
  }
  std::string text = metrics.text({});
  Exposition page(text);
  EXPECT_EQ(page.problems(), "");
  EXPECT_LT(page.series(), 10000U);
  EXPECT_GT(page.value("anynpu_requests_total{code=\"200\",method=\"other\",route=\"other\"}"),
            2000);
  EXPECT_GT(
      page.value("anynpu_errors_total{model=\"other\",reason=\"rejected\",version=\"other\"}"),
      100);
  EXPECT_GT(page.value("anynpu_inference_requests_total{device=\"other\",engine=\"other\","
                       "model=\"one\",version=\"1\"}"),
            60);
}

TEST(Metrics, CountsFromManyThreads) {
  Metrics metrics;
  constexpr int kThreads = 4, kEach = 500;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&metrics, t] {
      for (int i = 0; i < kEach; ++i) {
        ModelMetrics& model = metrics.of(fmt::format("m{}", i % 5), 1);
        model.answered(reply("cpu", i % 2 == 0 ? "a" : "b"), {.total_ms = 1});
        model.failed(Code::kBusy);
        metrics.request(request(i % 2 == 0 ? "/a" : "/b", "GET", 200));
        if (i % 100 == t) {
          EXPECT_EQ(Exposition(metrics.text({})).problems(), "");
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  Exposition page(metrics.text({}));
  double total = 0;
  for (int m = 0; m < 5; ++m)
    total += page.value("anynpu_total_seconds_count{device=\"cpu\",model=\"m" + std::to_string(m) +
                        "\",version=\"1\"}");
  EXPECT_EQ(total, kThreads * kEach);
  EXPECT_EQ(page.value("anynpu_requests_total{code=\"200\",method=\"GET\",route=\"/a\"}"),
            kThreads * kEach / 2);
}

// The checker itself.
TEST(Exposition, CatchesWhatIsWrong) {
  auto problems = [](const std::string& text) { return Exposition(text).problems(); };
  EXPECT_EQ(problems("# HELP a_total x\n# TYPE a_total counter\na_total 1\n"), "");
  EXPECT_NE(problems("# HELP a_total x\n# TYPE a_total counter\na_total 1"), "");
  EXPECT_NE(problems("a 1\n"), "");
  EXPECT_NE(problems("# HELP a x\n# TYPE a counter\na 1\n"), "");
  EXPECT_NE(problems("# HELP a x\n# TYPE a gauge\na 1\na 1\n"), "");
  EXPECT_NE(problems("# HELP a x\n# TYPE a gauge\na{b=\"c} 1\n"), "");
  EXPECT_NE(problems("# HELP a x\n# TYPE a gauge\na{b=\"\\x\"} 1\n"), "");
  EXPECT_NE(problems("# HELP a x\n# TYPE a gauge\na one\n"), "");
  EXPECT_NE(problems("# HELP a x\n# HELP a x\n# TYPE a gauge\na 1\n"), "");
  std::string histogram = "# HELP h x\n# TYPE h histogram\n";
  EXPECT_EQ(
      problems(histogram + "h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_count 2\nh_sum 3\n"),
      "");
  EXPECT_NE(
      problems(histogram + "h_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 2\nh_count 2\nh_sum 3\n"),
      "");
  EXPECT_NE(
      problems(histogram + "h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_count 3\nh_sum 3\n"),
      "");
  EXPECT_NE(problems(histogram + "h_bucket{le=\"1\"} 1\nh_count 1\nh_sum 3\n"), "");
}

}  // namespace
}  // namespace anynpu::server
