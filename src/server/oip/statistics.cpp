// SPDX-License-Identifier: Apache-2.0
// Sums under one lock.
#include "server/oip/statistics.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace anynpu::server::oip {
namespace {

Json zero() {
  return {{"count", 0}, {"ns", 0}};
}

}  // namespace

Json Statistics::Duration::to_json() const {
  return {{"count", std::llround(count)}, {"ns", std::llround(ms * 1e6)}};
}

void Statistics::answered(const std::string& model, const std::string& version,
                          const std::vector<runtime::Reply>& replies, const RequestTimes& times) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::lock_guard lock(mutex_);
  Figures& figures = figures_[{model, version}];
  figures.last_inference_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  figures.inferences += replies.size();
  for (const runtime::Reply& reply : replies) {
    const int batch = std::max(reply.batch, 1);
    figures.executions += 1.0 / batch;
    figures.by_batch[batch].add(1.0 / batch, reply.infer_ms / batch);
  }
  figures.success.add(1, times.total_ms);
  figures.queue.add(1, times.queue_ms);
  figures.input.add(1, times.input_ms);
  figures.infer.add(1, times.infer_ms);
  figures.output.add(1, times.output_ms);
}

void Statistics::failed(const std::string& model, const std::string& version, double total_ms) {
  const std::lock_guard lock(mutex_);
  figures_[{model, version}].fail.add(1, total_ms);
}

Json Statistics::to_json(const std::string& model, const std::string& version) const {
  Figures figures;
  {
    const std::lock_guard lock(mutex_);
    const auto found = figures_.find({model, version});
    if (found != figures_.end()) figures = found->second;
  }
  Json batches = Json::array();
  for (const auto& [size, runs] : figures.by_batch)
    batches.push_back({{"batch_size", size},
                       {"compute_input", zero()},
                       {"compute_infer", runs.to_json()},
                       {"compute_output", zero()}});
  return {{"name", model},
          {"version", version},
          {"last_inference", figures.last_inference_ms},
          {"inference_count", figures.inferences},
          {"execution_count", std::llround(figures.executions)},
          {"inference_stats",
           {{"success", figures.success.to_json()},
            {"fail", figures.fail.to_json()},
            {"queue", figures.queue.to_json()},
            {"compute_input", figures.input.to_json()},
            {"compute_infer", figures.infer.to_json()},
            {"compute_output", figures.output.to_json()},
            {"cache_hit", zero()},
            {"cache_miss", zero()}}},
          {"batch_stats", std::move(batches)}};
}

}  // namespace anynpu::server::oip
