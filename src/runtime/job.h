// SPDX-License-Identifier: Apache-2.0
// Job: one accepted request on its way to exactly one answer.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "runtime/served_model.h"

namespace anynpu::runtime {

struct Job {
  Request request;
  std::function<void(Result<Reply>)> done;
  TimePoint accepted = Clock::now();
  std::atomic<bool> answered = false;  // whoever sets it calls `done`

  // Under the model's lock.
  std::uint64_t tried = 0;    // bit r: rank r failed it in this round
  int failures = 0;           // workers that were lost with it
  std::string first_failure;  // why another placement than the first has to answer
  Error last_error;

  bool cancelled() const {
    return request.cancelled && request.cancelled->load(std::memory_order_relaxed);
  }
};

using JobPtr = std::shared_ptr<Job>;

}  // namespace anynpu::runtime
