// SPDX-License-Identifier: Apache-2.0
// Checks of the models that a machine has: do they fit its NPU and its libraries.
#pragma once

#include <span>

#include "npu/check.h"

namespace anynpu::doctor {

std::span<const npu::Check> machine_model_checks();

}  // namespace anynpu::doctor
