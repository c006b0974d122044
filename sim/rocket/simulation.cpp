// SPDX-License-Identifier: Apache-2.0
// Simulation: counts what fails, writes the logs.
#include "sim/rocket/simulation.h"

#include <cstdlib>
#include <ctime>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "sim/rocket/raw_calls.h"
#include "sim/rocket/text.h"

namespace anynpu::sim::rocket {
namespace {

void append(const std::string& path, const std::string& line) {
  int fd = raw::open(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return;
  [[maybe_unused]] ssize_t written = write(fd, line.data(), line.size());
  close(fd);
}

}  // namespace

std::int64_t monotonic_ns() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

Simulation::Simulation(Settings settings)
    : settings_(std::move(settings)),
      faults_({"open", "version", "create", "submit", "prepare", "finish", "close", "timeout",
               "wedge", "hang", "slow", "corrupt", "gone"}) {}

std::optional<int> Simulation::failure(std::string_view kind, int usual_error) {
  std::optional<Fault> fault = faults_.strikes(kind);
  if (!fault) return std::nullopt;
  return fault->error != 0 ? fault->error : usual_error;
}

bool Simulation::goes_away() {
  if (faults_.strikes("gone")) gone_ = true;
  return gone();
}

bool Simulation::gone() {
  if (gone_ && !faults_.active("gone")) gone_ = false;
  return gone_;
}

void Simulation::log(unsigned level, const std::string& line) {
  if (level > settings_.log) return;
  std::string whole = "anynpu-sim-rocket: " + line + "\n";
  if (!settings_.log_file.empty()) return append(settings_.log_file, whole);
  [[maybe_unused]] ssize_t written = write(STDERR_FILENO, whole.data(), whole.size());
}

void Simulation::refuse(const std::string& reason) {
  {
    std::lock_guard lock(mutex_);
    if (!refusals_.insert(reason).second) return;
  }
  log(settings_.strict ? 0 : 1, "a task is not run: " + reason);
  if (settings_.strict) std::abort();
}

void Simulation::log_to_kernel(const std::string& line) {
  if (settings_.kernel_log.empty()) return;
  std::lock_guard lock(mutex_);
  append(settings_.kernel_log,
         text("3,%llu,%lld,-;%s\n", static_cast<unsigned long long>(kernel_lines_++),
              static_cast<long long>(monotonic_ns() / 1000), line.c_str()));
}

}  // namespace anynpu::sim::rocket
