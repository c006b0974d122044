// SPDX-License-Identifier: Apache-2.0
// Errors as HTTP says them: one table from Code to status, one shape of body.
#pragma once

#include <chrono>

#include "base/result.h"
#include "server/http_message.h"

namespace anynpu::server {

/// 400, 403, 404, 413, 415, 500, 503 or 504.
int status_of(Code code);

/// {"success": false, "error": {"code", "message", "hint"}}
Json error_json(const Error& error);

/// error_json as a response; 429 and 503 carry Retry-After.
/// `status` 0: status_of the error's code.
Response error_response(const Error& error, int status = 0);

}  // namespace anynpu::server
