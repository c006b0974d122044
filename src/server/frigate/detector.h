// SPDX-License-Identifier: Apache-2.0
// Detector: Frigate's detections over ZMQ, so that a Frigate in a container needs no device and no
// vendor library: `detectors: {npu: {type: zmq, endpoint: tcp://HOST:5555}}`.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "base/result.h"
#include "server/services.h"

namespace anynpu::server::frigate {

struct DetectorOptions {
  std::string endpoint;    // "ipc:///tmp/cache/zmq_detector", "tcp://127.0.0.1:5555"
  std::string model;       // empty: the first one that detects
  double threshold = 0.2;  // Frigate has a filter of its own
};

class Detector {
 public:
  /// Listens at once. Code::kNotFound: libzmq is not installed. `services` is borrowed.
  static Result<std::unique_ptr<Detector>> start(Services& services, DetectorOptions options);
  /// Ends after the message that it is at.
  ~Detector();
  Detector(const Detector&) = delete;
  Detector& operator=(const Detector&) = delete;

  const std::string& endpoint() const { return endpoint_; }

 private:
  struct Impl;
  explicit Detector(std::unique_ptr<Impl> impl);

  std::string endpoint_;
  std::unique_ptr<Impl> impl_;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

}  // namespace anynpu::server::frigate
