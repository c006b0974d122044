// SPDX-License-Identifier: Apache-2.0
// Rockchip NPUs under the mainline kernel's driver (rocket).
#pragma once

#include <vector>

#include "host/machine.h"
#include "npu/device.h"

namespace anynpu::npu::rocket {

std::vector<Device> probe(const host::Machine& machine);

}  // namespace anynpu::npu::rocket
