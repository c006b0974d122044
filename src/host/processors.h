// SPDX-License-Identifier: Apache-2.0
// What the kernel tells of a machine's processors.
#pragma once

#include "host/machine.h"

namespace anynpu::host {

/// Whether it makes no difference which one a thread runs on: no big and little cores. From
/// cpuN/cpu_capacity (Documentation/ABI/testing/sysfs-devices-system-cpu), cpufreq's highest
/// frequencies, which may lie 10 % apart, and perf's cpu_atom, which Intel's hybrid ones have.
bool processors_are_alike(const Machine& machine);

}  // namespace anynpu::host
