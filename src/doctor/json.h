// SPDX-License-Identifier: Apache-2.0
// Findings, devices and outcomes as JSON: for `doctor --json`, for the server, and on the way from
// the processes in which checks run.
#pragma once

#include "base/report.h"
#include "doctor/doctor.h"

namespace anynpu::doctor {

Json to_json(const npu::Finding& finding);
Json to_json(const npu::Device& device);
Json to_json(const npu::Verdict& verdict);

npu::Device device_from(const Json& json);
npu::Verdict verdict_from(const Json& json);

/// The whole of `doctor --json` but schema_version: devices, findings, unknown, exit_code.
void write(const Diagnosis& diagnosis, bool strict, Report& report);

}  // namespace anynpu::doctor
