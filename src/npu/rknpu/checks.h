// SPDX-License-Identifier: Apache-2.0
// What is known to go wrong with Rockchip's vendor stack.
#pragma once

#include <span>

#include "npu/check.h"

namespace anynpu::npu::rknpu {

std::span<const Check> checks();

}  // namespace anynpu::npu::rknpu
