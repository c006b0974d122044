// SPDX-License-Identifier: Apache-2.0
// One .tflite artifact on an NPU through Teflon.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "engine/session.h"
#include "engine/teflon_abi.h"
#include "engine/teflon_rules.h"

namespace anynpu::engine::teflon {

/// `api` and the library must live as long as the session. A model of which the NPU would run
/// nothing is Code::kUnsupported, with the reasons: the CPU's engines run it faster.
Result<std::unique_ptr<Session>> load_session(const tflite::Api& api, const Library& library,
                                              const MesaVersion& mesa,
                                              const std::filesystem::path& artifact);

}  // namespace anynpu::engine::teflon
