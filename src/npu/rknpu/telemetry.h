// SPDX-License-Identifier: Apache-2.0
// Load, clock and heat of Rockchip's NPU under the vendor's driver.
#pragma once

#include <string_view>
#include <vector>

#include "npu/telemetry.h"

namespace anynpu::npu::rknpu {

void telemetry(const host::Machine& machine, const Device& device, const Telemetry* before,
               const TelemetryOptions& options, Telemetry& sample);

/// "NPU load:  Core0:  5%, Core1:  0%," or "NPU load:  5%", in percent by core; untrusted text.
std::vector<double> parse_load(std::string_view text);

}  // namespace anynpu::npu::rknpu
