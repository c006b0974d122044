// SPDX-License-Identifier: Apache-2.0
// Choosing placements: every candidate is loaded, warmed, timed and checked on the canary.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "runtime/canary.h"
#include "runtime/placement.h"
#include "runtime/recent_answers.h"
#include "runtime/served_model.h"
#include "runtime/worker.h"

namespace anynpu::runtime {

/// A placement that was tried, with the worker that tried it and what it answered to the canary.
/// One on a device in quarantine has not been tried: it has no worker and nothing measured, and is
/// checked against the reference when its time comes.
struct Trial {
  Candidate candidate;
  std::unique_ptr<Worker> worker;
  std::vector<engine::Tensor> canary_outputs;  // its own; without a worker the reference's
  std::vector<engine::Tensor> second_outputs;  // to the ReversedSource; of NPUs only
  RecentAnswers recent = {};                   // what its worker may still hold
};

struct Choice {
  PlacementReport report;
  std::vector<Trial> trials;                   // as report.ranked
  std::optional<engine::SessionInfo> session;  // of the first that was loaded
};

/// Starts a worker for a placement, isolated or not; on an NPU always isolated. One that fails and
/// cannot be ended is left to the quarantine.
Result<std::unique_ptr<Worker>> start_worker(const Placement& placement, bool isolated,
                                             TimePoint deadline, const StopFlag& stop,
                                             Quarantine& quarantine);

/// An error only when nothing at all can serve; it names every candidate with its reason. Or
/// Code::kCancelled, after options.stop was set. Needs options.quarantine.
Result<Choice> choose(const model::Package& package, const model::Version& version,
                      const InputSource& canary, const ServeOptions& options);

inline constexpr auto kLoadLimit = seconds(60);

}  // namespace anynpu::runtime
