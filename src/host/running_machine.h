// SPDX-License-Identifier: Apache-2.0
// The machine that this process runs on.
#pragma once

#include <memory>

#include "host/machine.h"

namespace anynpu::host {

std::unique_ptr<Machine> machine_of_this_process();

}  // namespace anynpu::host
