// SPDX-License-Identifier: Apache-2.0
// The doctor: which NPUs are here, and if one cannot be used, the one root cause.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/exit_codes.h"
#include "host/machine.h"
#include "npu/check.h"
#include "npu/device.h"
#include "npu/finding.h"

namespace anynpu::doctor {

enum class OutcomeState {
  kPassed,
  kSkipped,    // nothing here that it is about
  kUnknown,    // could not be checked
  kFailed,     // see findings
  kExplained,  // what it would say follows from the finding of a premise
};
std::string_view to_string(OutcomeState state);

struct Outcome {
  const npu::Check* check = nullptr;
  OutcomeState state = OutcomeState::kPassed;
  std::string why;    // of kSkipped, kUnknown; of kExplained: the premise's id
  bool lost = false;  // it crashed or hung
  std::vector<npu::Finding> findings;
};

struct Diagnosis {
  std::vector<npu::Device> devices;  // the CPU first; status and reason are those of the findings
  std::vector<Outcome> outcomes;     // in the order in which the checks ran
  std::string failure;               // why not even the devices could be found; empty: they were

  /// Of all outcomes: unusable before degraded before note, then by layer.
  std::vector<npu::Finding> findings() const;
  std::vector<const Outcome*> unknown() const;
  bool has_npu() const;
  /// kExitOk: usable or no NPU here; kExitFailed: an NPU is there but unusable; kExitDegraded. With
  /// `strict` a check that could not be made counts as degraded.
  int exit_code(bool strict = false) const;
};

struct Options {
  std::string family;  // only its checks; empty: all
  std::string check;   // only this one, after its premises; empty: all
  /// In child processes, so that a crash or a hang costs one check. Otherwise in this process.
  bool isolated = true;
  Duration check_limit = seconds(3);
  Duration whole_limit = seconds(20);
};

/// Changes nothing on the machine.
Diagnosis diagnose(const host::Machine& machine, std::span<const npu::Check* const> checks,
                   const Options& options = {});
/// The same with every check there is.
Diagnosis diagnose(const host::Machine& machine, const Options& options = {});

}  // namespace anynpu::doctor
