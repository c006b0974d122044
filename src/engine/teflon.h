// SPDX-License-Identifier: Apache-2.0
// The Teflon engine: .tflite artifacts on the mainline `rocket` driver, through TFLite and Mesa's
// Teflon delegate behind the guard (engine/teflon_guard.h). Worker processes only.
#pragma once

#include <memory>

#include "engine/engines.h"
#include "engine/session.h"

namespace anynpu::engine {

Result<std::unique_ptr<Engine>> open_teflon(const EngineStatus& found);

}  // namespace anynpu::engine
