// SPDX-License-Identifier: Apache-2.0
// One .onnx artifact, loaded.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "engine/onnxruntime_abi.h"
#include "engine/session.h"

namespace anynpu::engine::ort {

/// `api` and `env` must live as long as the session.
Result<std::unique_ptr<engine::Session>> load_session(const Api& api, const Env& env,
                                                      const std::filesystem::path& artifact,
                                                      const LoadOptions& options);

}  // namespace anynpu::engine::ort
