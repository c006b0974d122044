// SPDX-License-Identifier: Apache-2.0
// What runs in a worker process: `anynpu worker --control-fd N`.
#pragma once

namespace anynpu::runtime {

/// Serves messages (runtime/wire.h) until the server asks it to quit or goes away. Returns the exit
/// code of the process.
int worker_main(int control_fd);

}  // namespace anynpu::runtime
