// SPDX-License-Identifier: Apache-2.0
// docs/findings.md, made of the checks themselves.
#pragma once

#include <string>

namespace anynpu::doctor {

std::string findings_markdown();

}  // namespace anynpu::doctor
