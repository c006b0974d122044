// SPDX-License-Identifier: Apache-2.0
// GET /metrics.
#pragma once

#include "server/metrics.h"
#include "server/services.h"

namespace anynpu::server {

ServerFigures figures_of(const Services& services);

/// Answers from the event loop, so that it never waits behind pictures. Both are borrowed for the
/// router's life.
void add_metrics_route(Router& router, const Services& services, const Metrics& metrics);

}  // namespace anynpu::server
