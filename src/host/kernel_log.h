// SPDX-License-Identifier: Apache-2.0
// The kernel log of this machine: /dev/kmsg, or the journal, or none with the reason.
#pragma once

#include "host/machine.h"

namespace anynpu::host {

KernelLog read_kernel_log();

/// One record of /dev/kmsg, "6,1234,5678901,-;text\n KEY=value", as "[    5.678901] text". Empty
/// when it is no record.
std::string kmsg_line(std::string_view record);

}  // namespace anynpu::host
