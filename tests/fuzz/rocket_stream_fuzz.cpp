// SPDX-License-Identifier: Apache-2.0
// A command stream of the simulated RK3588 NPU: whatever is in it, reading and running it end, and
// no access leaves the buffer.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "sim/rocket/command_stream.h"
#include "sim/rocket/compute.h"
#include "sim/rocket/task.h"
#include "sim/rocket/test_memory.h"
#include "sim/rocket/weight_cache.h"

namespace {

using anynpu::sim::rocket::Task;

/// What would take a fuzzer too long.
bool is_large(const Task& task) {
  const double outputs = double{1} * task.out_width * task.out_height * task.out_planes() * 16;
  const double row = double{1} * task.out_width * task.stride_x + task.kernel_width;
  return outputs * task.kernel_width * task.kernel_height * (task.depthwise ? 1 : task.channels) >
             4e6 ||
         row * task.channels * task.kernel_height > 4e6;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace anynpu::sim::rocket;
  std::vector<std::uint64_t> words(size / 8);
  if (!words.empty()) std::memcpy(words.data(), data, words.size() * 8);
  auto registers = parse(words);
  if (!registers) return 0;
  (void)unexpected_constant(*registers);
  auto task = decode(*registers);
  if (!task || is_large(*task)) return 0;
  TestMemory memory(16384);
  for (std::size_t at = 0; at < memory.bytes.size(); ++at)
    memory.bytes[at] = static_cast<std::uint8_t>(at * 37);
  WeightCache weights;
  (void)compute(*task, memory, weights, Quirks{}, 2);
  return 0;
}
