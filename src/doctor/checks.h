// SPDX-License-Identifier: Apache-2.0
// Every check there is: those of the families, and those of the machine as a whole.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "npu/check.h"

namespace anynpu::doctor {

/// Premises before what depends on them, and otherwise by layer.
const std::vector<const npu::Check*>& all_checks();

/// Null when there is none of that id.
const npu::Check* find_check(std::string_view id);

/// Sorts for all_checks(). A premise that is not among them is as if it had passed.
std::vector<const npu::Check*> in_order(std::vector<const npu::Check*> checks);

}  // namespace anynpu::doctor
