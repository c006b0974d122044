// SPDX-License-Identifier: Apache-2.0
// What is known to go wrong with Rockchip's mainline stack.
#pragma once

#include <span>

#include "npu/check.h"

namespace anynpu::npu::rocket {

std::span<const Check> checks();

// kernel_checks.cpp
Verdict check_old_kernel(const CheckContext& context);
Verdict check_device_tree(const CheckContext& context);
Verdict check_tree_nodes(const CheckContext& context);
Verdict check_kernel_options(const CheckContext& context);
Verdict check_module(const CheckContext& context);
Verdict check_regulator(const CheckContext& context);
Verdict check_bound(const CheckContext& context);
Verdict check_all_cores(const CheckContext& context);
Verdict check_container_node(const CheckContext& context);
Verdict check_node(const CheckContext& context);
Verdict check_whose_node(const CheckContext& context);
Verdict check_permission(const CheckContext& context);
Verdict check_device_rule(const CheckContext& context);
Verdict check_wedged(const CheckContext& context);
Verdict check_timeout(const CheckContext& context);
Verdict check_iommu_faults(const CheckContext& context);
Verdict check_crash_records(const CheckContext& context);
Verdict check_stuck_holder(const CheckContext& context);

// library_checks.cpp
Verdict check_musl(const CheckContext& context);
Verdict check_vendor_runtime(const CheckContext& context);
Verdict check_missing(const CheckContext& context);
Verdict check_dangling(const CheckContext& context);
Verdict check_architecture(const CheckContext& context);
Verdict check_has_rocket(const CheckContext& context);
Verdict check_glibc(const CheckContext& context);
Verdict check_needed(const CheckContext& context);
Verdict check_leak(const CheckContext& context);
Verdict check_wrong_results(const CheckContext& context);
Verdict check_mappings(const CheckContext& context);
Verdict check_obsolete_link(const CheckContext& context);

}  // namespace anynpu::npu::rocket
