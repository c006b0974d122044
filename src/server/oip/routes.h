// SPDX-License-Identifier: Apache-2.0
// The routes of the Open Inference Protocol v2 under /v2, with Triton's extensions
// binary_tensor_data, classification, model_repository and statistics.
#pragma once

#include <memory>
#include <utility>

#include "server/metrics.h"
#include "server/oip/model_directory.h"
#include "server/oip/statistics.h"
#include "server/services.h"

namespace anynpu::server::oip {

/// What the routes share; owned by their handlers.
struct OipServices {
  /// `services` and `to`, which may be null, are borrowed.
  OipServices(Services& services, Metrics* to, std::unique_ptr<ModelDirectory> directory)
      : server(services), metrics(to), models(std::move(directory)) {}

  Services& server;
  Metrics* metrics;
  std::unique_ptr<ModelDirectory> models;
  Statistics statistics;
};

/// Adds every route. `services` and `metrics` are borrowed for the router's life.
void add_oip_routes(Router& router, Services& services, Metrics* metrics = nullptr);

/// The same with other models than those of `services`, for tests.
void add_oip_routes(Router& router, const std::shared_ptr<OipServices>& services);

}  // namespace anynpu::server::oip
