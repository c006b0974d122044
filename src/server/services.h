// SPDX-License-Identifier: Apache-2.0
// What the routes of the server work with, and the functions that add them.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/report.h"
#include "npu/device.h"
#include "server/gate.h"
#include "server/http_server.h"
#include "server/model_host.h"
#include "server/recent_errors.h"
#include "server/router.h"
#include "server/speech/figures.h"
#include "server/work_pool.h"

namespace anynpu::server {

class Metrics;
class RecentTimes;

/// Borrowed by every route for the server's life.
struct Services {
  ModelHost& models;
  WorkPool& pool;
  HttpServer& http;
  RecentErrors& errors;
  std::function<std::vector<npu::Device>()> find_devices;
  /// What is wrong with this machine, for /status and the page: a list of objects with `id`,
  /// `title`, `cause`, and `remedy` {`text`, `commands`}. Empty: nobody looks.
  std::function<Json()> find_findings = {};
  std::function<Json()> find_speech = {};  // what /status says of speech; empty: nothing
  /// For /metrics; empty: there is no speech service.
  std::function<SpeechFigures()> speech_figures = {};
  Metrics* metrics = nullptr;         // null: nothing is counted
  RecentTimes* times = nullptr;       // null: nothing is remembered
  Duration infer_time = seconds(30);  // from a picture's arrival to its answer; over it: 504
  std::size_t most_picture_bytes = 64 << 20;
  TimePoint start = Clock::now();
  std::chrono::system_clock::time_point start_time = std::chrono::system_clock::now();
};

/// How detections are told to clients of DeepStack.
struct DetectionOptions {
  std::string model;                // empty: the first one that detects
  std::vector<std::string> labels;  // the only ones that are told; empty: all
  double threshold = 0.4;
  const Gate* gate = nullptr;  // whose token a form's `api_key` may be
};

/// POST /infer
void add_infer_route(Router& router, Services& services);
/// GET /health and GET /status
void add_status_routes(Router& router, Services& services);
/// GET /health alone, for a listener of its own
void add_health_route(Router& router, Services& services);
/// POST /v1/vision/detection, as DeepStack has it
void add_detection_route(Router& router, Services& services, DetectionOptions options);
/// GET / and the files of the page. `router` must outlive itself: GET / describes its routes.
void add_page_routes(Router& router);

}  // namespace anynpu::server
