// SPDX-License-Identifier: Apache-2.0
// AMD Ryzen AI NPUs.
#pragma once

#include <vector>

#include "host/machine.h"
#include "npu/device.h"

namespace anynpu::npu::xdna {

std::vector<Device> probe(const host::Machine& machine);

}  // namespace anynpu::npu::xdna
