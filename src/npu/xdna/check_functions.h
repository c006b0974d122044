// SPDX-License-Identifier: Apache-2.0
// The functions behind the table of checks.cpp, by what they look at.
#pragma once

#include <string_view>

#include "npu/check.h"

namespace anynpu::npu::xdna {

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// driver_checks.cpp: hardware, kernel, driver, firmware
Verdict check_on_the_bus(const CheckContext& context);
Verdict check_bare_metal(const CheckContext& context);
Verdict check_iommu_on_command_line(const CheckContext& context);
Verdict check_iommu_there(const CheckContext& context);
Verdict check_kernel_new_enough(const CheckContext& context);
Verdict check_kernel_has_driver(const CheckContext& context);
Verdict check_module_allowed(const CheckContext& context);
Verdict check_module_loaded(const CheckContext& context);
Verdict check_newest_driver_loaded(const CheckContext& context);
Verdict check_firmware_there(const CheckContext& context);
Verdict check_firmware_readable(const CheckContext& context);
Verdict check_firmware_understood(const CheckContext& context);
Verdict check_firmware_fits(const CheckContext& context);
Verdict check_after_reset(const CheckContext& context);
Verdict check_driver_bound(const CheckContext& context);
Verdict check_driver_attributes(const CheckContext& context);
Verdict check_mailbox(const CheckContext& context);
Verdict check_commands_end(const CheckContext& context);

// use_checks.cpp: the device node, limits, XRT
Verdict check_node_there(const CheckContext& context);
Verdict check_node_permission(const CheckContext& context);
Verdict check_device_not_volume(const CheckContext& context);
Verdict check_memory_lock(const CheckContext& context);
Verdict check_xrt_there(const CheckContext& context);
Verdict check_xrt_new_enough(const CheckContext& context);
Verdict check_plugin_there(const CheckContext& context);
Verdict check_plugin_of_one_version(const CheckContext& context);
Verdict check_one_xrt(const CheckContext& context);
Verdict check_python_module(const CheckContext& context);
Verdict check_validation_archive(const CheckContext& context);

// service_checks.cpp: services that use the NPU
Verdict check_service_limits(const CheckContext& context);

}  // namespace anynpu::npu::xdna
