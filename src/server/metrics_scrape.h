// SPDX-License-Identifier: Apache-2.0
// The metrics that are read when somebody asks: models, placements, connections, the process.
#pragma once

#include <vector>

#include <prometheus/metric_family.h>

#include "server/metrics.h"

namespace anynpu::server {

void append_scraped(const ServerFigures& figures, std::vector<prometheus::MetricFamily>& families);

}  // namespace anynpu::server
