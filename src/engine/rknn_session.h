// SPDX-License-Identifier: Apache-2.0
// One .rknn artifact, loaded.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/rknn_abi.h"
#include "engine/session.h"

namespace anynpu::engine::rknn {

struct Runtime {
  Api api;
  std::string version;  // "2.3.2"

  bool is_at_least(const std::string& other) const { return compare_versions(version, other) >= 0; }
};

/// `runtime` must live as long as the session. A session that loads has run once: what an NPU lacks
/// shows then at the latest.
Result<std::unique_ptr<Session>> load_session(const Runtime& runtime,
                                              const std::filesystem::path& artifact,
                                              const LoadOptions& options);

}  // namespace anynpu::engine::rknn
