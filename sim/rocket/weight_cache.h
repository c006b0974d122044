// SPDX-License-Identifier: Apache-2.0
// WeightCache: packed weights of earlier tasks. A network's weights stay where they are, run after
// run, and packing them takes longer than running its smaller layers.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "sim/rocket/operands.h"

namespace anynpu::sim::rocket {

class WeightCache {
 public:
  /// Packed anew when the bytes have changed. Valid until the next call.
  const std::vector<std::uint64_t>& packed(const Task& task, const Operands& operands);

 private:
  struct Entry {
    std::vector<std::int8_t> bytes;
    std::vector<std::uint64_t> packed;
  };
  using Key = std::array<std::int64_t, 5>;  // address, kernel, channels in and out

  std::map<Key, Entry> entries_;
  std::size_t held_ = 0;  // bytes
};

}  // namespace anynpu::sim::rocket
