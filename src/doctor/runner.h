// SPDX-License-Identifier: Apache-2.0
// Runs checks so that none can take the others, or its caller, with it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "doctor/doctor.h"

namespace anynpu::doctor {

/// `checks` in the order in which they run.
Diagnosis run_checks(const host::Machine& machine, const std::vector<const npu::Check*>& checks,
                     const Options& options);

/// The id of the finding that explains what `check` would say of `device` (empty: of all devices);
/// empty when none of its premises failed.
std::string explained_by(const npu::Check& check, std::string_view device,
                         const std::vector<Outcome>& before);

Outcome outcome_of(const npu::Check& check, const npu::Verdict& verdict,
                   const std::vector<Outcome>& before);

}  // namespace anynpu::doctor
