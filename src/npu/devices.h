// SPDX-License-Identifier: Apache-2.0
// The devices of a machine: the CPU, and every NPU that its hardware or its device nodes show.
#pragma once

#include <string>
#include <vector>

#include "host/machine.h"
#include "npu/device.h"

namespace anynpu::npu {

/// The CPU first, always, then the NPUs by family. Only sysfs, procfs and the device tree are read:
/// no device node is opened, because with some drivers looking wakes or harms the device.
std::vector<Device> find_devices(const host::Machine& machine);

/// Why no NPU of these devices runs models, in one sentence without a full stop: that there is
/// none, or which there is and why it is not used. Empty when one is ready or degraded.
std::string why_no_npu(const std::vector<Device>& devices);

}  // namespace anynpu::npu
