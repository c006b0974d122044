// SPDX-License-Identifier: Apache-2.0
// The functions behind the table of checks.cpp, by what they look at.
#pragma once

#include "npu/check.h"

namespace anynpu::npu::rknpu {

// driver_checks.cpp: hardware, device tree, kernel, driver
Verdict check_generation(const CheckContext& context);
Verdict check_mainline_soc(const CheckContext& context);
Verdict check_device_tree(const CheckContext& context);
Verdict check_driver(const CheckContext& context);
Verdict check_interrupt_overlay(const CheckContext& context);
Verdict check_bound(const CheckContext& context);
Verdict check_both_drivers(const CheckContext& context);
Verdict check_driver_too_old(const CheckContext& context);
Verdict check_driver_interrupts(const CheckContext& context);
Verdict check_freezing_kernel(const CheckContext& context);
Verdict check_iommu(const CheckContext& context);

// node_checks.cpp: device nodes and who may open them
Verdict check_symlink(const CheckContext& context);
Verdict check_container_nodes(const CheckContext& context);
Verdict check_nodes(const CheckContext& context);
Verdict check_node_permission(const CheckContext& context);
Verdict check_device_rule(const CheckContext& context);
Verdict check_masked_tree(const CheckContext& context);
Verdict check_dma_heap(const CheckContext& context);
Verdict check_rga(const CheckContext& context);

// library_checks.cpp: librknnrt.so, librkllmrt.so
Verdict check_musl(const CheckContext& context);
Verdict check_runtime_missing(const CheckContext& context);
Verdict check_runtime_broken(const CheckContext& context);
Verdict check_runtime_architecture(const CheckContext& context);
Verdict check_runtime_shadowed(const CheckContext& context);
Verdict check_runtime_old(const CheckContext& context);
Verdict check_llm_driver(const CheckContext& context);
Verdict check_llm_soc(const CheckContext& context);
Verdict check_llm_opencl(const CheckContext& context);

// operation_checks.cpp: what happens while it runs
Verdict check_timeouts(const CheckContext& context);
Verdict check_addresses(const CheckContext& context);
Verdict check_memory(const CheckContext& context);
Verdict check_fused_cores(const CheckContext& context);
Verdict check_heat(const CheckContext& context);
Verdict check_clock(const CheckContext& context);
Verdict check_load_file(const CheckContext& context);
Verdict check_stuck_holder(const CheckContext& context);
Verdict check_descriptors(const CheckContext& context);
Verdict check_soc_name(const CheckContext& context);

}  // namespace anynpu::npu::rknpu
