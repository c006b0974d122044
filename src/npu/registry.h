// SPDX-License-Identifier: Apache-2.0
// The families that anynpu knows. Adding an NPU is one folder and one line in registry.cpp.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "host/machine.h"
#include "npu/check.h"
#include "npu/device.h"
#include "npu/recovery.h"
#include "npu/telemetry.h"

namespace anynpu::npu {

struct Family {
  std::string_view name;   // "rknpu"
  std::string_view title;  // "Rockchip NPU, vendor kernel"
  std::vector<Device> (*probe)(const host::Machine&);
  std::span<const Check> (*checks)() = nullptr;  // of the family's own folder; null: none
  SampleTelemetry telemetry = nullptr;           // null: none
  Ladder (*ladder)(const host::Machine&, const Device&) = nullptr;  // none: nothing to recover
};

std::span<const Family> families();

}  // namespace anynpu::npu
