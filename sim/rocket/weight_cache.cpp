// SPDX-License-Identifier: Apache-2.0
// WeightCache: knows weights by their address and shape, and compares their bytes before it trusts
// them.
#include "sim/rocket/weight_cache.h"

#include <cstring>

#include "sim/rocket/convolution.h"

namespace anynpu::sim::rocket {
namespace {

constexpr std::size_t kMostHeld = std::size_t{256} << 20;

}  // namespace

const std::vector<std::uint64_t>& WeightCache::packed(const Task& task, const Operands& operands) {
  const auto size = static_cast<std::size_t>(task.weight_bytes());
  const Key key = {task.weights, task.kernel_width, task.kernel_height, task.channels,
                   task.kernels};
  auto found = entries_.find(key);
  if (found != entries_.end() &&
      std::memcmp(found->second.bytes.data(), operands.weights, size) == 0)
    return found->second.packed;
  if (held_ > kMostHeld) {
    entries_.clear();
    held_ = 0;
  }
  Entry& entry = entries_[key];
  held_ -= entry.bytes.size() + entry.packed.size() * 8;
  entry.bytes.assign(operands.weights, operands.weights + size);
  entry.packed = pack_weights(task, operands);
  held_ += entry.bytes.size() + entry.packed.size() * 8;
  return entry.packed;
}

}  // namespace anynpu::sim::rocket
