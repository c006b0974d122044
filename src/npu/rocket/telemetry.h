// SPDX-License-Identifier: Apache-2.0
// Load and heat of Rockchip's NPU under the mainline driver.
#pragma once

#include "npu/telemetry.h"

namespace anynpu::npu::rocket {

/// The driver counts nothing itself. How long each core had power is an upper bound of its load:
/// a core keeps its power for 50 ms after a job.
void telemetry(const host::Machine& machine, const Device& device, const Telemetry* before,
               const TelemetryOptions& options, Telemetry& sample);

}  // namespace anynpu::npu::rocket
