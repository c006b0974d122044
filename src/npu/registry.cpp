// SPDX-License-Identifier: Apache-2.0
// The one entry per family.
#include "npu/registry.h"

#include "npu/axcl/checks.h"
#include "npu/axcl/probe.h"
#include "npu/axcl/recovery.h"
#include "npu/axcl/telemetry.h"
#include "npu/cpu/probe.h"
#include "npu/rknpu/checks.h"
#include "npu/rknpu/probe.h"
#include "npu/rknpu/recovery.h"
#include "npu/rknpu/telemetry.h"
#include "npu/rocket/checks.h"
#include "npu/rocket/probe.h"
#include "npu/rocket/recovery.h"
#include "npu/rocket/telemetry.h"
#include "npu/unknown/probe.h"
#include "npu/xdna/checks.h"
#include "npu/xdna/probe.h"
#include "npu/xdna/recovery.h"
#include "npu/xdna/telemetry.h"

namespace anynpu::npu {

std::span<const Family> families() {
  static constexpr Family kFamilies[] = {
      {.name = "cpu", .title = "CPU", .probe = cpu::probe},
      {.name = "rknpu",
       .title = "Rockchip NPU, vendor kernel",
       .probe = rknpu::probe,
       .checks = rknpu::checks,
       .telemetry = rknpu::telemetry,
       .ladder = rknpu::ladder},
      {.name = "rocket",
       .title = "Rockchip NPU, mainline kernel",
       .probe = rocket::probe,
       .checks = rocket::checks,
       .telemetry = rocket::telemetry,
       .ladder = rocket::ladder},
      {.name = "axcl",
       .title = "AXERA PCIe card",
       .probe = axcl::probe,
       .checks = axcl::checks,
       .telemetry = axcl::telemetry,
       .ladder = axcl::ladder},
      {.name = "xdna",
       .title = "AMD Ryzen AI NPU",
       .probe = xdna::probe,
       .checks = xdna::checks,
       .telemetry = xdna::telemetry,
       .ladder = xdna::ladder},
      {.name = "unknown",
       .title = "NPU of a driver that anynpu does not know",
       .probe = unknown::probe},
  };
  return kFamilies;
}

}  // namespace anynpu::npu
