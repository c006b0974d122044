// SPDX-License-Identifier: Apache-2.0
// What the ladders of all families share.
#include "npu/recovery.h"

#include <fmt/format.h>

#include "base/text.h"
#include "npu/holders.h"

namespace anynpu::npu {
std::string Act::shown() const {
  const double time = to_ms(limit) / 1000;
  switch (kind) {
    case Kind::kEndOurWorkers:
      return "end anynpu's own workers on this device";
    case Kind::kWrite:
      return fmt::format("echo {} > {}", text, target);
    case Kind::kRun:
      return (text.empty() ? "" : fmt::format("echo {} | ", trim(text))) + join(command, " ");
    case Kind::kResetRknpu:
      return fmt::format("ioctl ACTION ACT_RESET on {}", target);
    case Kind::kWaitFor:
      return fmt::format("wait up to {:.0f} s until {} says {}", time, target, text);
    case Kind::kPause:
      break;
  }
  return fmt::format("wait {:.0f} s", time);
}

std::string held_by(const host::Machine& machine, const std::vector<std::string>& nodes) {
  const Holders holders = find_holders(machine, nodes);
  if (holders.found.empty()) {
    if (holders.hidden != 0)
      return fmt::format("the open files of {} processes cannot be seen", holders.hidden);
    return holders.cut ? "there are too many processes and open files to look at all" : "";
  }
  const Holder& first = holders.found.front();
  return fmt::format("process {} ({}) has the NPU open", first.pid, first.command);
}

RecoveryStep end_our_workers() {
  return {.name = "end-workers",
          .title = "end anynpu's own workers on this device",
          .touches = "anynpu's worker processes, by process id and start time",
          .disturbs = "requests that run on this device: the next placement answers them",
          .risk = "",
          .needs_root = false,
          .acts = {{.kind = Act::Kind::kEndOurWorkers}}};
}

RecoveryStep reboot() {
  return {.name = "reboot",
          .title = "restart the machine",
          .touches = "everything",
          .disturbs = "everybody on this machine",
          .risk = "",
          .by_hand = true,
          .acts = {{.kind = Act::Kind::kRun, .command = {"systemctl", "reboot"}}}};
}

RecoveryStep power_cycle(std::string_view what) {
  return {.name = "power-cycle",
          .title = fmt::format("take the power from {} for ten seconds", what),
          .touches = "everything",
          .disturbs = "everybody on this machine",
          .risk = "",
          .by_hand = true};
}

}  // namespace anynpu::npu
