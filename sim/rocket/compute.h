// SPDX-License-Identifier: Apache-2.0
// compute: what the NPU does with a task, byte for byte, and nothing of how long it takes.
#pragma once

#include <optional>
#include <string>

#include "sim/rocket/memory.h"
#include "sim/rocket/task.h"

namespace anynpu::sim::rocket {

/// Two oddities of the hardware that make Mesa's results wrong for some layers.
struct Quirks {
  bool pad = true;   // Q1: depthwise padding takes even and odd channels from two bytes
  bool cbuf = true;  // Q2: rows after the first are corrupt when the buffer has too few entries
};

class WeightCache;

/// Runs a task. Refused when one of its operands is not inside of one buffer, or when it would need
/// more working memory than any real one; its output is untouched then.
std::optional<std::string> compute(const Task& task, Memory& memory, WeightCache& weights,
                                   Quirks quirks, unsigned threads);

}  // namespace anynpu::sim::rocket
