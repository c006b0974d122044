// SPDX-License-Identifier: Apache-2.0
// Serves a small convolution on Mesa's Teflon over the simulated NPU while that fails at random,
// and compares every answer with the CPU's. Runs on arm64 (tests/rocket/faults.py).
//
//   rocket_faults REQUESTS
//
// The environment says where the libraries are and how workers are started (ANYNPU_TFLITE,
// ANYNPU_TEFLON, ANYNPU_WORKER_LAUNCHER), and which faults there are (ANYNPU_SIM_FAULT). Prints one
// line of figures; fails when an answer is wrong or missing, or when nothing has failed.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "runtime/served_model.h"
#include "runtime/worker_main.h"
#include "tiny_npu_package.h"

namespace anynpu {
namespace {

constexpr int kCallers = 4;
constexpr auto kPatience = seconds(600);  // everything is emulated

Result<bool> survives(int requests) {
  test::TinyNpuPackage package;
  runtime::ServeOptions options;
  options.devices = {test::simulated_rocket()};
  options.instances = 1;
  options.policy = runtime::Policy::kNpuRequired;  // so that every request meets the device
  options.quarantine = std::make_shared<runtime::Quarantine>(
      runtime::QuarantineRules{milliseconds(5), milliseconds(40), milliseconds(1), {}});
  const auto canary =
      std::make_shared<test::BytesSource>(test::random_bytes(999, package.input_bytes()));
  ANYNPU_TRY(model, runtime::ServedModel::start(package.package(), 1, canary, options));
  std::atomic<int> next = 0, right = 0, on_npu = 0;
  std::mutex checking;  // the reference session is one
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; ++caller)
    callers.emplace_back([&] {
      for (int i = next++; i < requests; i = next++) {
        const auto input = test::random_bytes(static_cast<std::uint32_t>(i) + 10'000);
        runtime::Request request;
        request.input = std::make_shared<test::BytesSource>(input);
        request.deadline = Clock::now() + kPatience;
        const auto reply = model->infer(std::move(request));
        const std::lock_guard lock(checking);
        if (!reply) {
          fmt::print(stderr, "request {}: {}\n", i, reply.error().message);
          continue;
        }
        if (package.right(input, *reply))
          ++right;
        else
          fmt::print(stderr, "request {}: a wrong answer from {}\n", i, reply->device);
        on_npu += reply->device == "rocket0" ? 1 : 0;
      }
    });
  for (std::thread& caller : callers) caller.join();
  const auto circuits = model->circuits();
  const int failures = circuits.empty() ? 0 : static_cast<int>(circuits[0].opened);
  fmt::print("{} of {} answers right, {} by the device, which was taken out {} times; {}\n",
             right.load(), requests, on_npu.load(), failures,
             model->placements().ranked[0].measured->note);
  return right == requests && on_npu > 0 && failures > 0;
}

}  // namespace
}  // namespace anynpu

int main(int count, char** arguments) {
  if (count > 3 && std::strcmp(arguments[1], "worker") == 0)
    return anynpu::runtime::worker_main(std::atoi(arguments[3]));
  const int requests = count == 2 ? std::atoi(arguments[1]) : 0;
  if (requests <= 0) {
    fmt::print(stderr, "usage: rocket_faults REQUESTS\n");
    return 2;
  }
  auto survived = anynpu::survives(requests);
  if (!survived) fmt::print(stderr, "{}\n", survived.error().message);
  return survived && *survived ? 0 : 1;
}
