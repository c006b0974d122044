// SPDX-License-Identifier: Apache-2.0
// The engine "axmodel": .axmodel artifacts on AXERA's AX650 and AX8850 cards, over libaxcl_rt.so.
#pragma once

#include <memory>

#include "base/result.h"
#include "engine/engines.h"
#include "engine/session.h"

namespace anynpu::engine {

/// In worker processes only. A session takes the card whose PCI bus number is
/// LoadOptions::device_index; 0 takes the first one.
Result<std::unique_ptr<Engine>> open_axmodel(const EngineStatus& found);

}  // namespace anynpu::engine
