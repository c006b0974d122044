// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "npu/telemetry.h"

namespace anynpu::npu::axcl {

void telemetry(const host::Machine& machine, const Device& device, const Telemetry* before,
               const TelemetryOptions& options, Telemetry& sample);

}  // namespace anynpu::npu::axcl
