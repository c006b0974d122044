// SPDX-License-Identifier: Apache-2.0
// The recovery ladder of the mainline rocket driver.
#pragma once

#include "npu/recovery.h"

namespace anynpu::npu::rocket {

Ladder ladder(const host::Machine& machine, const Device& device);

}  // namespace anynpu::npu::rocket
