// SPDX-License-Identifier: Apache-2.0
// What the kernel's drivers log when a job of an NPU has failed, by family.
#pragma once

#include <span>
#include <string_view>

namespace anynpu::npu {

/// Parts of lines. Lines that only follow from ending a worker are not among them. Empty for
/// the CPU.
std::span<const std::string_view> trouble_lines(std::string_view family);

}  // namespace anynpu::npu
