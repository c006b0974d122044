// SPDX-License-Identifier: Apache-2.0
// Climbing a recovery ladder: evidence first, then the least harmful step, a canary after each, and
// no further than the first one that helps. Never a loop: a device that was climbed for a moment
// ago is left alone.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "host/hands.h"
#include "host/machine.h"
#include "host/own_processes.h"
#include "npu/device.h"
#include "npu/recovery.h"

namespace anynpu::recovery {

/// What is to happen to a step.
enum class Verdict {
  kTake,
  kNever,      // known to make things worse here
  kNotHere,    // not possible on this machine
  kNeedsRoot,  // possible for root only, and this is not root
  kHeld,       // a program has the device open, and it would be taken away under it
  kByHand,     // advice for a person
};
std::string_view to_string(Verdict verdict);

struct StepReport {
  npu::RecoveryStep step;
  Verdict verdict = Verdict::kTake;
  std::string held;  // of kHeld: by whom
  bool taken = false;
  std::string problem;         // what the acts said that failed
  std::optional<bool> canary;  // whether the device was in order afterwards
  std::string canary_says;     // why it was not
};

/// The verdict on a step as things are now. `i_know`: one that is known to make things worse is
/// taken all the same.
void judge_step(const host::Machine& machine, bool root, bool i_know, StepReport& report);

struct ClimbReport {
  std::vector<StepReport> steps;
  bool mended = false;
  std::filesystem::path evidence;  // the folder; empty in a dry run
};

struct ClimbOptions {
  bool apply = false;  // otherwise nothing is done, and the canary is not asked
  std::string only;    // the name of the one step to take
  bool i_know = false;
  bool root = false;
  std::filesystem::path evidence_folder;  // a folder of its own is made in it
  std::filesystem::path state_file;       // when which device was last climbed for
  std::chrono::seconds least_pause = std::chrono::minutes(10);
  std::vector<std::pair<std::string, std::string>> more_evidence;  // file name, text
};

/// Whether the device is in order: it answers the canary as the CPU does. The error says why not.
using Canary = std::function<Result<>()>;

/// Code::kInvalid: there is no step of that name; Code::kBusy: too soon after the last time;
/// Code::kPermission: the one step that was asked for is known to make things worse.
Result<ClimbReport> climb(const host::Machine& machine, host::Hands& hands,
                          const npu::Device& device, const npu::Ladder& ladder,
                          const Canary& canary, const ClimbOptions& options);

/// Ends anynpu's own workers on `device` (all when it is empty) that are recorded in `run_folder`.
/// The error names one that cannot be ended.
Result<int> end_our_workers(const std::filesystem::path& run_folder, const std::string& device);

}  // namespace anynpu::recovery
