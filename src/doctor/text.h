// SPDX-License-Identifier: Apache-2.0
// What the doctor says to people.
#pragma once

#include <string>

#include "base/report.h"
#include "doctor/doctor.h"

namespace anynpu::doctor {

/// "no NPU on this machine", "rknpu0 is usable", "1 of 2 NPUs is usable".
std::string summary(const Diagnosis& diagnosis);

/// One line per device, then each finding with its evidence and commands. With the id of a single
/// check also what became of it when it found nothing.
void write_text(const Diagnosis& diagnosis, std::string_view single_check, Report& report);

/// All that a check knows about its failure: text, and JSON keys.
void explain(const npu::Check& check, Report& report);

}  // namespace anynpu::doctor
