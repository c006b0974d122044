// SPDX-License-Identifier: Apache-2.0
// Errors that no handler makes (no such path, no token, a body over the limit) in the shape that
// the clients of a path read.
#pragma once

#include <string>
#include <string_view>

#include "server/http_error.h"

namespace anynpu::server {

enum class ErrorFace {
  kOwn,        // {"success": false, "error": {"code", "message", "hint"}}
  kOip,        // {"error": "..."}, Open Inference Protocol v2
  kOpenAi,     // {"error": {"message", "type", "param", "code"}}
  kDeepStack,  // {"success": false, "error": "...", "code"}
};

/// `path`: of a request, or a route's pattern.
ErrorFace error_face(std::string_view path);

/// error_response (http_error.h) with the body of `face`. `parameter`: whose value is wrong, which
/// OpenAI's clients show; empty: none.
Response error_response(ErrorFace face, const Error& error, int status = 0,
                        const std::string& parameter = {});

}  // namespace anynpu::server
