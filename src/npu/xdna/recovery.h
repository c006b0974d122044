// SPDX-License-Identifier: Apache-2.0
// The recovery ladder of AMD's Ryzen AI NPUs.
#pragma once

#include "npu/recovery.h"

namespace anynpu::npu::xdna {

Ladder ladder(const host::Machine& machine, const Device& device);

}  // namespace anynpu::npu::xdna
