// SPDX-License-Identifier: Apache-2.0
// The two kinds of convolution, for a range of output rows.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/rocket/operands.h"

namespace anynpu::sim::rocket {

/// The bytes that the packed forms of a task need, for `threads` threads.
std::int64_t working_memory(const Task& task, unsigned threads);

/// Weights of a convolution, packed for `convolve`: convolution.cpp explains how.
std::vector<std::uint64_t> pack_weights(const Task& task, const Operands& operands);

void convolve(const Task& task, const Operands& operands, const std::vector<std::uint64_t>& weights,
              Quirks quirks, RowRange rows);

void convolve_depthwise(const Task& task, const Operands& operands, Quirks quirks, RowRange rows);

}  // namespace anynpu::sim::rocket
