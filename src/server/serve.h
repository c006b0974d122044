// SPDX-License-Identifier: Apache-2.0
// The server as a whole: everything put together, run until a signal ends it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/report.h"
#include "base/result.h"
#include "npu/device.h"
#include "runtime/served_model.h"
#include "server/http_server.h"

namespace anynpu::server {

struct ServerOptions {
  std::string address = "127.0.0.1";  // "0.0.0.0" or "::" for every network of the machine
  int port = 8080;                    // 0: a free one
  /// Packages to load at the start: names, folders or artifact files; the first one is the default.
  /// None: the packages of the store are loaded when somebody asks for them, the default at once.
  std::vector<std::string> models;
  runtime::ServeOptions runtime;
  HttpLimits http;
  std::size_t most_models = 16;       // loaded at one time
  std::size_t client_requests = 0;    // of one client at one time; over it: 429; 0: no limit
  int loops = 0;                      // threads for sockets; 0: 1, or 2 from four cores up
  int work_threads = 0;               // threads that decode pictures; 0: one per core
  std::size_t work_waiting = 512;     // pictures that may wait to be decoded; over it: 503
  Duration infer_time = seconds(30);  // from a picture's arrival to its answer; over it: 504
  Duration drain_time = seconds(30);  // for what was accepted, after the first signal
  /// For /status. Empty: the devices of this machine.
  std::function<std::vector<npu::Device>()> find_devices;
  /// For /status and the page: Services::find_findings.
  std::function<Json()> find_findings;
  /// Called once when every model named is loaded (or failed, and not all of them), with the page's
  /// address, "http://127.0.0.1:8080/". Empty: it is written to standard error.
  std::function<void(const std::string& url)> on_ready;
};

struct ServerConfig;  // server/config.h

/// Answers until SIGINT or SIGTERM: then it takes no more connections, answers what it accepted and
/// returns; a second signal ends it at once. Fails when a model is not there, when an address
/// cannot be listened on (Code::kBusy: the port is in use), when Frigate's detector is wanted and
/// libzmq is not installed, or when no model that was named can be loaded.
Result<> serve(const ServerConfig& config);

}  // namespace anynpu::server
