// SPDX-License-Identifier: Apache-2.0
// Errors as the Open Inference Protocol says them: one table of statuses, one shape of body.
#pragma once

#include <string>

#include "base/result.h"

namespace anynpu::server::oip {

/// Triton's mapping: INTERNAL 500, NOT_FOUND 404, UNAVAILABLE 503, UNSUPPORTED 501, all else 400.
int status_of(Code code);

/// {"error": "<message>; <hint>"}
std::string error_body(const Error& error);

}  // namespace anynpu::server::oip
