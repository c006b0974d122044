// SPDX-License-Identifier: Apache-2.0
// The simulated Ryzen AI of Phoenix: four columns, six contexts, and what all processes of the
// simulated machine see of it.
#pragma once

#include <cstdint>
#include <string>

#include "sim/common/faults.h"

namespace anynpu::sim::xrt_device {

inline constexpr int kColumns = 4;
inline constexpr int kMostContexts = 6;  // what the driver allows on NPU1

/// Faults of this family, see docs/npu-xdna.md.
Faults& faults();

/// Takes columns for a context: a partition is shared by contexts of exactly its width, and one of
/// another width finds no room. Returns a number to give back, or -errno.
int take_columns(int width);
void give_columns(int number);

}  // namespace anynpu::sim::xrt_device
