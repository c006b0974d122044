// SPDX-License-Identifier: Apache-2.0
// A support bundle of a machine, with the doctor's own report in it.
#pragma once

#include <string>

#include "host/machine.h"

namespace anynpu::doctor {

/// Runs the doctor twice: guarded, for the report, and then once more with those checks that came
/// through, writing down what they read. `doctor --bundle` of it finds the same.
std::string make_bundle(const host::Machine& machine);

}  // namespace anynpu::doctor
