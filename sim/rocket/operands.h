// SPDX-License-Identifier: Apache-2.0
// Operands: a task's tensors as pointers whose every access has been checked against the buffers,
// and the last steps from an accumulator to an output byte.
#pragma once

#include <cstdint>
#include <cstring>

#include "sim/rocket/compute.h"
#include "sim/rocket/rounding.h"
#include "sim/rocket/task.h"

namespace anynpu::sim::rocket {

struct Operands {
  const std::int8_t* features = nullptr;
  const std::int8_t* weights = nullptr;
  const std::uint8_t* biases = nullptr;  // int32, perhaps not aligned
  const std::int8_t* addend_even = nullptr;
  const std::int8_t* addend_odd = nullptr;
  std::int8_t* output = nullptr;
};

/// The rows of the output that one thread computes.
struct RowRange {
  int first = 0, end = 0;
};

/// True when quirk Q2 corrupts this task's rows. Four groups of 16 channels fill an entry of the
/// convolution buffer, but a remainder of three occupies a whole one, which Mesa does not count.
inline bool short_of_entries(const Task& task) {
  int groups = task.channels / 16;
  std::int64_t need = groups % 4 == 3 ? std::int64_t{task.width} * (groups + 1) / 4
                                      : (std::int64_t{task.width} * groups + 3) / 4;
  return task.entries < need;
}

/// The column that is read for column x of row y of the slice. How the rows are corrupt on hardware
/// is not known; this is as wrong, and always the same.
inline int column_read(const Task& task, bool corrupt, int x, int y) {
  return corrupt ? (x + y) % task.width : x;
}

inline std::int32_t bias_of(const Task& task, const Operands& operands, int channel) {
  std::int32_t bias = 0;
  if (channel < task.out_channels)
    std::memcpy(&bias, operands.biases + std::size_t{4} * static_cast<std::size_t>(channel), 4);
  return bias;
}

/// The addend's 16 channels of a plane and pixel; null without an addend.
inline const std::int8_t* addend_at(const Task& task, const Operands& operands, int plane,
                                    std::int64_t pixel) {
  if (!task.addend) return nullptr;
  const std::int8_t* base = plane % 2 != 0 ? operands.addend_odd : operands.addend_even;
  return base + std::int64_t{plane / 2} * 2 * task.addend->plane + pixel * 16;
}

/// From the accumulator to the output byte; `addend` may be null.
inline std::int8_t finish(const Task& task, std::int64_t sum, std::int32_t bias,
                          const std::int8_t* addend) {
  std::int32_t value = saturate32(rounding_shift(sum, task.truncate));
  value = saturate32(std::int64_t{value} + bias);
  if (addend != nullptr) {
    std::int64_t scaled = (std::int64_t{*addend} + task.addend->offset) * task.addend->scale;
    value = saturate32(value + rounding_shift(scaled, task.addend->shift));
  }
  return saturate8(rounding_shift(std::int64_t{value} * task.out_scale, task.out_shift) +
                   task.out_offset);
}

}  // namespace anynpu::sim::rocket
