// SPDX-License-Identifier: Apache-2.0
// The recovery ladder of Rockchip's vendor driver.
#pragma once

#include "npu/recovery.h"

namespace anynpu::npu::rknpu {

Ladder ladder(const host::Machine& machine, const Device& device);

}  // namespace anynpu::npu::rknpu
