// SPDX-License-Identifier: Apache-2.0
// Several workers on one NPU, when that is measured to be faster: an NPU of three cores runs one
// inference on one of them.
#pragma once

#include <memory>
#include <vector>

#include "runtime/choose.h"

namespace anynpu::runtime {

/// Further workers for a trial whose placement has several cores, each for a core of its own: as
/// many as make the canary's throughput at least 15 % larger than with one worker less. What was
/// measured goes into the trial. A worker that fails meanwhile is ended, and its trial is then
/// without one. Needs options.quarantine.
std::vector<Trial> spread(Trial& trial, const InputSource& canary, const ServeOptions& options);

}  // namespace anynpu::runtime
