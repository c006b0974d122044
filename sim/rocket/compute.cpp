// SPDX-License-Identifier: Apache-2.0
// compute: checks every operand's range, then divides the rows of the output among threads.
#include "sim/rocket/compute.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "sim/rocket/convolution.h"
#include "sim/rocket/text.h"
#include "sim/rocket/weight_cache.h"

namespace anynpu::sim::rocket {
namespace {

constexpr std::int64_t kMostWorkingMemory = std::int64_t{512} << 20;
constexpr std::int64_t kWorthAThread = 4'000'000;  // multiplications

/// Looks up base + low .. base + high and returns the pointer of base.
template <class Byte>
bool find(Memory& memory, std::uint32_t base, std::int64_t low, std::int64_t high, Byte*& pointer) {
  std::int64_t begin = base + low;
  if (begin < 0 || begin > std::int64_t{UINT32_MAX} || high <= low) return false;
  std::uint8_t* found =
      memory.range(static_cast<std::uint32_t>(begin), static_cast<std::uint64_t>(high - low));
  if (found == nullptr) return false;
  pointer = reinterpret_cast<Byte*>(found - low);
  return true;
}

std::optional<std::string> find_operands(const Task& task, Memory& memory, Operands& found) {
  auto fault = [](const char* what, std::uint32_t address) {
    return text("%s at 0x%x: not inside of one buffer", what, address);
  };
  std::int64_t last_plane = (task.channels / 16 - 1) * task.plane;
  std::int64_t last_line = (task.height - 1) * task.line + std::int64_t{task.width} * 16;
  if (!find(memory, task.features, std::min<std::int64_t>(0, last_plane),
            std::max<std::int64_t>(0, last_plane) + last_line, found.features))
    return fault("features", task.features);
  if (!find(memory, task.weights, 0, task.weight_bytes(), found.weights))
    return fault("weights", task.weights);
  if (!find(memory, task.biases, 0, std::int64_t{4} * task.out_channels, found.biases))
    return fault("biases", task.biases);
  std::int64_t out_map = std::int64_t{task.out_width} * task.out_height * 16;
  if (!find(memory, task.output, 0, (task.out_planes() - 1) * task.out_plane + out_map,
            found.output))
    return fault("output", task.output);
  if (!task.addend) return std::nullopt;
  const Addend& addend = *task.addend;
  int even = (task.out_planes() - 1) / 2, odd = task.out_planes() / 2 - 1;
  if (!find(memory, addend.even_planes, 0, even * 2 * addend.plane + out_map, found.addend_even))
    return fault("addend", addend.even_planes);
  if (odd >= 0 &&
      !find(memory, addend.odd_planes, 0, odd * 2 * addend.plane + out_map, found.addend_odd))
    return fault("addend", addend.odd_planes);
  return std::nullopt;
}

/// Calls work(rows) for all rows of the output, on as many threads as pay.
template <class Work>
void on_threads(const Task& task, unsigned threads, const Work& work) {
  std::int64_t area = std::int64_t{task.out_width} * task.out_height;
  std::int64_t cost = area * task.kernel_width * task.kernel_height * task.channels;
  if (!task.depthwise) cost *= task.kernels;
  auto count = static_cast<int>(std::clamp<std::int64_t>(
      cost / kWorthAThread, 1, std::min<std::int64_t>(threads, task.out_height)));
  auto part = [&](int index) {
    return RowRange{task.out_height * index / count, task.out_height * (index + 1) / count};
  };
  std::vector<std::thread> others;
  for (int index = 1; index < count; ++index)
    others.emplace_back([&work, range = part(index)] { work(range); });
  work(part(0));
  for (std::thread& other : others) other.join();
}

}  // namespace

std::optional<std::string> compute(const Task& task, Memory& memory, WeightCache& weights,
                                   Quirks quirks, unsigned threads) {
  threads = std::max(threads, 1U);
  Operands operands;
  if (std::optional<std::string> fault = find_operands(task, memory, operands)) return fault;
  if (working_memory(task, threads) > kMostWorkingMemory) return "too large";
  if (task.depthwise) {
    on_threads(task, threads,
               [&](RowRange rows) { convolve_depthwise(task, operands, quirks, rows); });
    return std::nullopt;
  }
  const std::vector<std::uint64_t>& packed = weights.packed(task, operands);
  on_threads(task, threads, [&](RowRange rows) { convolve(task, operands, packed, quirks, rows); });
  return std::nullopt;
}

}  // namespace anynpu::sim::rocket
