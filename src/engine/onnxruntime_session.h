// SPDX-License-Identifier: Apache-2.0
// One .onnx artifact, loaded.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "engine/onnxruntime_abi.h"
#include "engine/onnxruntime_describe.h"
#include "engine/session.h"

namespace anynpu::engine::ort {

/// `api` and `env` must live as long as the session.
Result<std::unique_ptr<engine::Session>> load_session(const Api& api, const Env& env,
                                                      const std::filesystem::path& artifact,
                                                      const LoadOptions& options);

// What other kinds of session are made of.

Result<Owned<SessionOptions>> make_options(const Api& api, int threads);
Result<Owned<SessionHandle>> open_model(const Api& api, const Env& env,
                                        const std::filesystem::path& artifact,
                                        const SessionOptions& settings);
/// The error of a model that the runtime does not take.
Error no_model(Error failed);
Result<Owned<MemoryInfo>> cpu_memory(const Api& api);

}  // namespace anynpu::engine::ort
