// SPDX-License-Identifier: Apache-2.0
// What the routes of the server work with, and the functions that add them.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "base/clock.h"
#include "npu/device.h"
#include "server/http_server.h"
#include "server/model_host.h"
#include "server/recent_errors.h"
#include "server/router.h"
#include "server/work_pool.h"

namespace anynpu::server {

/// Borrowed by every route for the server's life.
struct Services {
  ModelHost& models;
  WorkPool& pool;
  HttpServer& http;
  RecentErrors& errors;
  std::function<std::vector<npu::Device>()> find_devices;
  Duration infer_time = seconds(30);  // from a picture's arrival to its answer; over it: 504
  std::size_t most_picture_bytes = 64 << 20;
  TimePoint start = Clock::now();
  std::chrono::system_clock::time_point start_time = std::chrono::system_clock::now();
};

/// POST /infer
void add_infer_route(Router& router, Services& services);
/// GET /health and GET /status
void add_status_routes(Router& router, Services& services);
/// GET / and the files of the page. `router` must outlive itself: GET / describes its routes.
void add_page_routes(Router& router);

}  // namespace anynpu::server
