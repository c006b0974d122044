// SPDX-License-Identifier: Apache-2.0
// One .tflite artifact, loaded.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "engine/session.h"
#include "engine/tflite_abi.h"

namespace anynpu::engine::tflite {

/// `api` must live as long as the session. The variant is "xnnpack", "plain" or empty: XNNPACK
/// where it can run the graph, else plain, and the note says why.
Result<std::unique_ptr<Session>> load_session(const Api& api, const std::filesystem::path& artifact,
                                              const LoadOptions& options);

}  // namespace anynpu::engine::tflite
