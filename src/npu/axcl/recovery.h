// SPDX-License-Identifier: Apache-2.0
// The recovery ladder of AXERA's PCIe cards.
#pragma once

#include "npu/recovery.h"

namespace anynpu::npu::axcl {

Ladder ladder(const host::Machine& machine, const Device& device);

}  // namespace anynpu::npu::axcl
