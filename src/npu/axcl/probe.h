// SPDX-License-Identifier: Apache-2.0
// AXERA AX650 and AX8850 PCIe cards.
#pragma once

#include <vector>

#include "host/machine.h"
#include "npu/device.h"

namespace anynpu::npu::axcl {

std::vector<Device> probe(const host::Machine& machine);

}  // namespace anynpu::npu::axcl
