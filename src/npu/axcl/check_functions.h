// SPDX-License-Identifier: Apache-2.0
// The functions behind the table of checks.cpp, by what they look at.
#pragma once

#include <string>
#include <string_view>

#include "npu/check.h"

namespace anynpu::npu::axcl {

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// The id of the card with that index on the bus; empty when the probe has not got it.
std::string device_id(const CheckContext& context, std::size_t index);

// driver_checks.cpp: hardware, kernel, driver, device nodes
Verdict check_on_the_bus(const CheckContext& context);
Verdict check_pi_overlay(const CheckContext& context);
Verdict check_sdk_there(const CheckContext& context);
Verdict check_built_with_this_compiler(const CheckContext& context);
Verdict check_built_for_this_kernel(const CheckContext& context);
Verdict check_secure_boot(const CheckContext& context);
Verdict check_module_loaded(const CheckContext& context);
Verdict check_driver_bound(const CheckContext& context);
Verdict check_nodes_there(const CheckContext& context);
Verdict check_node_permission(const CheckContext& context);
Verdict check_device_not_volume(const CheckContext& context);
Verdict check_driver_answers(const CheckContext& context);
Verdict check_cards_listed(const CheckContext& context);
Verdict check_link_speed(const CheckContext& context);

// card_checks.cpp: the card: its firmware, whether it lives, what its runtime said
Verdict check_firmware_there(const CheckContext& context);
Verdict check_firmware_taken(const CheckContext& context);
Verdict check_card_boots(const CheckContext& context);
Verdict check_page_faults(const CheckContext& context);
Verdict check_daemon_alive(const CheckContext& context);
Verdict check_not_suspended(const CheckContext& context);
Verdict check_not_overheated(const CheckContext& context);
Verdict check_not_panicked(const CheckContext& context);
Verdict check_bus_number_in_guest(const CheckContext& context);
Verdict check_transfers_whole(const CheckContext& context);
Verdict check_card_worker_alive(const CheckContext& context);
Verdict check_npu_without_fault(const CheckContext& context);
Verdict check_device_number_right(const CheckContext& context);

// library_checks.cpp: AXERA's runtime
Verdict check_library_there(const CheckContext& context);
Verdict check_library_for_this_processor(const CheckContext& context);
Verdict check_library_folder_known(const CheckContext& context);
Verdict check_library_complete(const CheckContext& context);
Verdict check_one_sdk(const CheckContext& context);
Verdict check_tools_found(const CheckContext& context);
Verdict check_python_package(const CheckContext& context);

}  // namespace anynpu::npu::axcl
