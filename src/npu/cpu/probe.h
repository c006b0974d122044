// SPDX-License-Identifier: Apache-2.0
// The CPU, from /proc/cpuinfo: always there, the last step of every fallback.
#pragma once

#include <vector>

#include "host/machine.h"
#include "npu/device.h"

namespace anynpu::npu::cpu {

std::vector<Device> probe(const host::Machine& machine);

}  // namespace anynpu::npu::cpu
