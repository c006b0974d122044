// SPDX-License-Identifier: Apache-2.0
// From the states of models to one word.
#include "server/health.h"

namespace anynpu::server {

Health health_of(const std::vector<ModelStatus>& models) {
  std::size_t loading = 0, failed = 0, ready = 0, resting = 0;
  for (const ModelStatus& model : models) {
    if (!model.named_at_start) continue;
    // One that failed and is tried again has not become a start.
    const bool failing = model.state == ModelState::kFailed || model.retrying;
    if (model.state == ModelState::kLoading && !failing) ++loading;
    if (failing) ++failed;
    if (model.state == ModelState::kReady) ++ready;
    if (model.hosted && !model.hosted->served->ready()) ++resting;
  }
  if (loading > 0) return {"starting", false};
  if (failed > 0) return {ready > 0 ? "degraded" : "failed", ready > 0};
  // It asks for an NPU, and all that it could use are in quarantine.
  if (resting > 0) return {"quarantined", false};
  return {"ok", true};
}

Health health_of(const ModelHost& models) {
  if (models.draining()) return {"draining", false};
  return health_of(models.status());
}

}  // namespace anynpu::server
