// SPDX-License-Identifier: Apache-2.0
// The door to device nodes of this machine: one harmless question to a driver, put by a short-lived
// process, because a driver may hang, and a hanging open must not hang its asker.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "host/machine.h"

namespace anynpu::host {

Result<std::string> ask_driver(const std::string& node, const Asked& asked,
                               Duration limit = milliseconds(1500));

/// Room for an answer, filled without allocating: the process that writes it is a fork.
struct DoorAnswer {
  int failure = 0;  // errno
  std::size_t size = 0;
  char bytes[16384];
};
/// Runs `work` in a child process that has no descriptor but its pipe, and waits at most `limit`
/// for its answer. A child that hangs is killed and not waited for.
Result<std::string> in_child(const std::function<void(DoorAnswer&)>& work, Duration limit);

}  // namespace anynpu::host
