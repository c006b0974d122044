// SPDX-License-Identifier: Apache-2.0
// The engine "xclbin": .xclbin artifacts on AMD's Ryzen AI, through XRT and anynpu's plugin for it.
#pragma once

#include <memory>

#include "base/result.h"
#include "engine/engines.h"
#include "engine/session.h"

namespace anynpu::engine {

/// In worker processes only. Opens XRT and then the plugin, $ANYNPU_XRT_PLUGIN or
/// libanynpu_xrt.so in anynpu's library folders.
Result<std::unique_ptr<Engine>> open_xclbin(const EngineStatus& found);

}  // namespace anynpu::engine
