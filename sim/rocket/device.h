// SPDX-License-Identifier: Apache-2.0
// Device: one open file of the simulated NPU, behind the calls of Linux's rocket driver.
//
// Jobs are run inside of SUBMIT; that they take time is only pretended, where a fault asks for it:
// then their output buffers are busy until some moment, and PREP_BO waits for it, as it does for
// the real driver's fences. Like the real driver, SUBMIT drops a job that it cannot prepare and
// returns 0.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "sim/rocket/abi.h"
#include "sim/rocket/buffers.h"
#include "sim/rocket/memory.h"
#include "sim/rocket/simulation.h"
#include "sim/rocket/weight_cache.h"

namespace anynpu::sim::rocket {

class Device {
 public:
  explicit Device(Simulation& simulation) : simulation_(simulation) {}

  /// Answers an ioctl: 0, or a negative errno. `fd` is the open file, whose content are the
  /// buffers.
  int call(int fd, std::uint32_t request, void* argument);

 private:
  struct PlannedJob {
    std::vector<abi::Task> tasks;
    std::vector<std::uint32_t> outputs;  // handles
  };
  struct Hindrance {  // what keeps a submit from being done at once
    std::optional<Fault> timeout, slow;
    bool wedge = false, hang = false, corrupt = false;
  };

  int version(abi::Version& version);
  int create(abi::CreateBo& create);
  int close(int fd, const abi::GemClose& close);
  int prepare(const abi::PrepBo& prepare);
  int finish(const abi::FiniBo& finish);
  int submit(int fd, const abi::Submit& submit);

  std::vector<PlannedJob> plan(const abi::Submit& submit, const std::byte* jobs);
  int run(int fd, const std::vector<PlannedJob>& jobs, const Hindrance& hindrance);
  void run(const PlannedJob& job, Memory& memory);
  void run(std::span<const std::uint64_t> words, Memory& memory);
  void corrupt(const PlannedJob& job, Memory& memory);

  Simulation& simulation_;
  std::mutex mutex_;  // of everything below
  Buffers buffers_;
  WeightCache weights_;
  std::int64_t busy_until_ = 0;
  bool wedged_ = false;
  std::int64_t timeout_ns_ = 0;  // of the last job that timed out
};

}  // namespace anynpu::sim::rocket
