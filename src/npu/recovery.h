// SPDX-License-Identifier: Apache-2.0
// The recovery ladder of a device as plain data: its steps, the least harmful one first, and what
// each touches, whom it disturbs and where it must never be taken. Each family folder has its own;
// src/recovery climbs them.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "host/machine.h"
#include "npu/device.h"

namespace anynpu::npu {

/// One thing that is done to the machine.
struct Act {
  enum class Kind {
    kEndOurWorkers,  // anynpu's own processes on the device; nobody else's
    kWrite,          // `text` into the file `target`
    kRun,            // `command`, with `text` on its standard input
    kResetRknpu,     // the vendor driver's soft reset, through the node `target`
    kWaitFor,        // until the file `target` holds `text`, at most `limit`
    kPause,          // for `limit`
  };
  Kind kind = Kind::kPause;
  std::string target = {};
  std::string text = {};
  std::vector<std::string> command = {};
  Duration limit = seconds(30);
  /// It gives back what an act before it took away, so it is done although one of those failed.
  bool always = false;

  /// The same for people: "echo fdab0000.npu > /sys/bus/platform/drivers/RKNPU/unbind".
  std::string shown() const;
};

struct RecoveryStep {
  std::string name;      // "rebind": what --step takes
  std::string title;     // what it does
  std::string touches;   // the files, nodes and modules
  std::string disturbs;  // whom
  std::string risk;      // what can go wrong; empty: nothing is known
  bool needs_root = true;
  bool by_hand = false;       // a person does it: nothing is done here
  std::string never = {};     // why it makes things worse on this machine: then it is not taken
  std::string not_here = {};  // why it is not possible on this machine
  /// Nodes that nobody may have open while it is taken. Looked at just before its acts: by then a
  /// canary may hang in the kernel with the node open, or a server have started a worker again.
  std::vector<std::string> unheld = {};
  std::vector<Act> acts = {};
};

struct Ladder {
  std::vector<RecoveryStep> steps;
  std::vector<std::string> evidence;  // files to save before the first step
};

/// "process 812 (python3) has the NPU open", of the first one that is seen, or why it cannot be
/// told whether there is one; empty: nobody.
std::string held_by(const host::Machine& machine, const std::vector<std::string>& nodes);

/// Steps that every family has.
RecoveryStep end_our_workers();
RecoveryStep reboot();
RecoveryStep power_cycle(std::string_view what);

}  // namespace anynpu::npu
