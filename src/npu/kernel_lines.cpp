// SPDX-License-Identifier: Apache-2.0
// What the kernel's drivers log when a job of an NPU has failed.
#include "npu/kernel_lines.h"

namespace anynpu::npu {

std::span<const std::string_view> trouble_lines(std::string_view family) {
  static constexpr std::string_view kRocket[] = {"NPU job timed out"};
  static constexpr std::string_view kRknpu[] = {"RKNPU: job timeout", "RKNPU: soft reset"};
  static constexpr std::string_view kAxcl[] = {": dead!"};
  static constexpr std::string_view kXdna[] = {"TDR timeout detected",
                                               "Device isn't making progress"};
  if (family == "xdna") return kXdna;
  if (family == "rocket") return kRocket;
  if (family == "rknpu") return kRknpu;
  if (family == "axcl") return kAxcl;
  return {};
}

}  // namespace anynpu::npu
