// SPDX-License-Identifier: Apache-2.0
// Runs models through TFLite's CPU kernels and through anynpu's engine for `rocket` (the guard and
// Mesa's Teflon), and prints how far their outputs are apart. Runs on arm64 with the simulated NPU
// preloaded (tests/rocket/guarded.py).
//
//   rocket_guarded TFLITE TEFLON VERSION MODEL...
//
// One line per model, each run in a process of its own:
//
//   NAME difference MAX exact EQUAL of ALL: WHAT THE NPU RUNS
//   NAME cpu WHY                                 the engine leaves it to the CPU
//   NAME crash SIGNAL
//   NAME error WHAT
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/engines.h"
#include "engine/teflon.h"

namespace {

using namespace anynpu;

[[noreturn]] void end(const std::string& line, int code) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
  std::_Exit(code);
}

void fill_and_run(engine::Session& session) {
  const auto& inputs = session.info().inputs;
  for (std::size_t index = 0; index < inputs.size(); ++index) {
    std::vector<std::byte> bytes(inputs[index].byte_size());
    std::uint32_t state = 42 + static_cast<std::uint32_t>(index);
    for (std::byte& byte : bytes) {
      state = state * 1664525 + 1013904223;
      byte = static_cast<std::byte>(state >> 24);
    }
    if (auto set = session.set_input(index, bytes); !set) end("error " + set.error().message, 1);
  }
  if (auto ran = session.run(); !ran) end("error " + ran.error().message, 1);
}

int difference(engine::DType type, std::byte a, std::byte b) {
  if (type == engine::DType::kInt8)
    return std::abs(static_cast<std::int8_t>(a) - static_cast<std::int8_t>(b));
  return std::abs(std::to_integer<int>(a) - std::to_integer<int>(b));
}

void compare(engine::Engine& npu, const std::filesystem::path& model) {
  auto tflite = engine::open_engine("tflite");
  if (!tflite) end("error " + tflite.error().message, 1);
  auto expected = (*tflite)->load(model, {1, "plain"});
  if (!expected) end("error " + expected.error().message, 1);
  engine::LoadOptions options;
  options.device_node = "/dev/accel/accel0";
  auto actual = npu.load(model, options);
  if (!actual)
    end((actual.error().code == Code::kUnsupported ? "cpu " : "error ") + actual.error().message,
        0);
  fill_and_run(**expected);
  fill_and_run(**actual);
  int greatest = 0;
  std::size_t equal = 0, all = 0;
  for (std::size_t index = 0; index < (*expected)->info().outputs.size(); ++index) {
    const engine::DType type = (*expected)->info().outputs[index].type;
    auto a = (*expected)->output(index), b = (*actual)->output(index);
    if (!a || !b || a->bytes.size() != b->bytes.size()) end("error outputs differ in size", 1);
    if (type == engine::DType::kFloat32) continue;  // made by the model's own post-processing
    for (std::size_t at = 0; at < a->bytes.size(); ++at) {
      const int apart = difference(type, a->bytes[at], b->bytes[at]);
      greatest = std::max(greatest, apart);
      equal += apart == 0 ? 1 : 0;
      ++all;
    }
  }
  end("difference " + std::to_string(greatest) + " exact " + std::to_string(equal) + " of " +
          std::to_string(all) + ": " + (*actual)->info().note,
      0);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 5) {
    std::fprintf(stderr, "usage: rocket_guarded TFLITE TEFLON VERSION MODEL...\n");
    return 2;
  }
  rlimit no_core = {0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::setenv("ANYNPU_TFLITE", arguments[1], 1);
  anynpu::engine::EngineStatus found{"teflon", "rocket", ".tflite"};
  found.library = arguments[2];
  found.version = arguments[3];
  auto npu = anynpu::engine::open_teflon(found);
  if (!npu) end("error " + npu.error().message, 1);
  for (int index = 4; index < count; ++index) {
    std::printf("%s ", std::filesystem::path(arguments[index]).stem().c_str());
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0) compare(**npu, arguments[index]);
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child) return 1;
    if (WIFSIGNALED(status)) std::printf("crash %d\n", WTERMSIG(status));
    std::fflush(stdout);
  }
  return 0;
}
