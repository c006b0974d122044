// SPDX-License-Identifier: Apache-2.0
// Ctrl-C, asked for at safe places: the first one ends the work tidily, the second one the process.
#pragma once

namespace anynpu::command {

/// From here on the first SIGINT only sets the flag.
void watch_for_interrupt();
bool interrupted();

}  // namespace anynpu::command
