// SPDX-License-Identifier: Apache-2.0
// Accel devices whose driver belongs to no family of anynpu, so that they are not passed over in
// silence.
#pragma once

#include <vector>

#include "host/machine.h"
#include "npu/device.h"

namespace anynpu::npu::unknown {

std::vector<Device> probe(const host::Machine& machine);

}  // namespace anynpu::npu::unknown
