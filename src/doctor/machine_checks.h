// SPDX-License-Identifier: Apache-2.0
// Checks of the machine as a whole, of no NPU's family: sound, containers, the cluster.
#pragma once

#include <span>

#include "npu/check.h"

namespace anynpu::doctor {

std::span<const npu::Check> machine_checks();

// sound_checks.cpp
npu::Verdict check_sound_socket(const npu::CheckContext& context);

// container_checks.cpp
npu::Verdict check_cdi_faults(const npu::CheckContext& context);
npu::Verdict check_cdi_too_new(const npu::CheckContext& context);
npu::Verdict check_cdi_stale(const npu::CheckContext& context);
npu::Verdict check_cdi_missing(const npu::CheckContext& context);
npu::Verdict check_kubelet_socket(const npu::CheckContext& context);
npu::Verdict check_device_plugin(const npu::CheckContext& context);

}  // namespace anynpu::doctor
