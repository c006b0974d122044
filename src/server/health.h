// SPDX-License-Identifier: Apache-2.0
// Health: whether the server is ready, for every face that is asked.
#pragma once

#include <string>

#include "server/model_host.h"

namespace anynpu::server {

struct Health {
  std::string status;  // "ok", "degraded", "quarantined", "starting", "draining", "failed"
  bool ready = false;
};

/// Of the models that were named at the start: one that somebody asked for later and that failed is
/// no reason to send others away, and neither is one that was unloaded by request.
Health health_of(const ModelHost& models);
Health health_of(const std::vector<ModelStatus>& models);

}  // namespace anynpu::server
