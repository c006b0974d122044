// SPDX-License-Identifier: Apache-2.0
// The API's description for programs: OpenAPI 3.1, made from the routes that there are.
#pragma once

#include "base/report.h"
#include "server/router.h"

namespace anynpu::server {

/// The whole document. What is known of a path beyond its summary (parameters, bodies, shapes of
/// answers) is in this file's table; a path that has no entry there gets what is true of all.
Json openapi(const Router& router);

}  // namespace anynpu::server
