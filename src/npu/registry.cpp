// SPDX-License-Identifier: Apache-2.0
// The one line per family.
#include "npu/registry.h"

#include "npu/axcl/checks.h"
#include "npu/axcl/probe.h"
#include "npu/cpu/probe.h"
#include "npu/rknpu/checks.h"
#include "npu/rknpu/probe.h"
#include "npu/rknpu/telemetry.h"
#include "npu/rocket/checks.h"
#include "npu/rocket/probe.h"
#include "npu/rocket/telemetry.h"
#include "npu/unknown/probe.h"
#include "npu/xdna/checks.h"
#include "npu/xdna/probe.h"

namespace anynpu::npu {

std::span<const Family> families() {
  static constexpr Family kFamilies[] = {
      {"cpu", "CPU", cpu::probe},
      {"rknpu", "Rockchip NPU, vendor kernel", rknpu::probe, rknpu::checks, rknpu::telemetry},
      {"rocket", "Rockchip NPU, mainline kernel", rocket::probe, rocket::checks, rocket::telemetry},
      {"axcl", "AXERA PCIe card", axcl::probe, axcl::checks},
      {"xdna", "AMD Ryzen AI NPU", xdna::probe, xdna::checks},
      {"unknown", "NPU of a driver that anynpu does not know", unknown::probe},
  };
  return kFamilies;
}

}  // namespace anynpu::npu
