// SPDX-License-Identifier: Apache-2.0
// Rockchip NPUs under the vendor kernel's driver (RKNPU).
#pragma once

#include <vector>

#include "host/machine.h"
#include "npu/device.h"

namespace anynpu::npu::rknpu {

std::vector<Device> probe(const host::Machine& machine);

}  // namespace anynpu::npu::rknpu
