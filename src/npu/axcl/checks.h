// SPDX-License-Identifier: Apache-2.0
// What is known to go wrong with AXERA's PCIe cards.
#pragma once

#include <span>

#include "npu/check.h"

namespace anynpu::npu::axcl {

std::span<const Check> checks();

}  // namespace anynpu::npu::axcl
