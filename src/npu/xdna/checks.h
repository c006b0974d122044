// SPDX-License-Identifier: Apache-2.0
// What is known to go wrong with AMD's Ryzen AI NPUs.
#pragma once

#include <span>

#include "npu/check.h"

namespace anynpu::npu::xdna {

std::span<const Check> checks();

}  // namespace anynpu::npu::xdna
