// SPDX-License-Identifier: Apache-2.0
// The statistics extension: how many requests of this protocol a model answered, and how long they
// took.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/report.h"
#include "runtime/served_model.h"

namespace anynpu::server::oip {

/// Steps of one answered request, in milliseconds of wall time.
struct RequestTimes {
  double total_ms = 0;
  double queue_ms = 0;   // waiting for a worker
  double input_ms = 0;   // parsing, decoding pictures
  double infer_ms = 0;   // the engine's own time
  double output_ms = 0;  // joining, classifying, encoding
};

class Statistics {
 public:
  /// `replies`: one per row.
  void answered(const std::string& model, const std::string& version,
                const std::vector<runtime::Reply>& replies, const RequestTimes& times);
  void failed(const std::string& model, const std::string& version, double total_ms);

  /// One element of "model_stats"; zeros for a model that nobody has asked.
  Json to_json(const std::string& model, const std::string& version) const;

 private:
  /// A count with a sum of time, as the extension writes them.
  struct Duration {
    double count = 0;
    double ms = 0;
    void add(double amount, double more_ms) { count += amount, ms += more_ms; }
    Json to_json() const;
  };
  struct Figures {
    std::int64_t last_inference_ms = 0;  // since 1970
    std::uint64_t inferences = 0;        // rows
    double executions = 0;               // runs of the model; rows that ran together share one
    Duration success, fail, queue, input, infer, output;
    std::map<int, Duration> by_batch;  // runs by how many rows they had
  };

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, Figures> figures_;
};

}  // namespace anynpu::server::oip
