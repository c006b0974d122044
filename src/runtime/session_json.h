// SPDX-License-Identifier: Apache-2.0
// A session's description as JSON: how it crosses from a worker to the server.
#pragma once

#include "base/report.h"
#include "base/result.h"
#include "engine/session.h"

namespace anynpu::runtime {

Json to_json(const engine::TensorInfo& tensor);
Json to_json(const engine::SessionInfo& session);
Result<engine::SessionInfo> session_from_json(const std::string& text);

}  // namespace anynpu::runtime
