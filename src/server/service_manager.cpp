// SPDX-License-Identifier: Apache-2.0
// The service manager (systemd), through libsystemd's sd_notify.
#include "server/service_manager.h"

#include <algorithm>

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "base/text.h"

namespace anynpu::server {
namespace {

constexpr std::size_t kMostStatusBytes = 400;

// The protocol is lines of NAME=VALUE, so a status must not have a line break of its own.
bool notify(const std::string& text) {
  return ::sd_notify(0, text.c_str()) > 0;
}

std::string status_line(std::string_view status) {
  return fmt::format("STATUS={}", printable(status, kMostStatusBytes));
}

}  // namespace

bool ServiceManager::ready(std::string_view status) const {
  return notify("READY=1\n" + status_line(status));
}

bool ServiceManager::stopping(std::string_view status) const {
  return notify("STOPPING=1\n" + status_line(status));
}

bool ServiceManager::status(std::string_view status) const {
  return notify(status_line(status));
}

bool ServiceManager::alive() const {
  return notify("WATCHDOG=1");
}

bool ServiceManager::extend(Duration time) const {
  return notify(fmt::format("EXTEND_TIMEOUT_USEC={}",
                            std::chrono::duration_cast<microseconds>(time).count()));
}

std::optional<Duration> ServiceManager::watchdog_limit() {
  std::uint64_t limit = 0;
  if (::sd_watchdog_enabled(0, &limit) <= 0 || limit == 0) return std::nullopt;
  constexpr std::uint64_t kLongest = std::chrono::microseconds(std::chrono::hours(24)).count();
  return microseconds(std::min(limit, kLongest));
}

std::string ProgressWatch::look(const std::string& model, const runtime::Counters& counters,
                                TimePoint now) {
  std::uint64_t finished = counters.answered + counters.failed + counters.cancelled;
  bool has_work = counters.queued + counters.in_flight > 0;
  auto [at, is_new] = seen_.try_emplace(model, Seen{finished, now});
  Seen& seen = at->second;
  if (is_new || !has_work || finished != seen.finished) {
    seen = {finished, now};
    return {};
  }
  if (now - seen.since <= limit_) return {};
  return fmt::format("{} has {} requests and has answered none for {:.0f} s", model,
                     counters.queued + counters.in_flight, to_ms(now - seen.since) / 1000);
}

std::string LoopProbe::look() {
  if (done_ && !done_->load()) return "the event loop stands still";
  done_ = std::make_shared<std::atomic<bool>>(false);
  boost::asio::post(executor_, [done = done_] { done->store(true); });
  return {};
}

Watchdog::Watchdog(const boost::asio::any_io_executor& executor, const ServiceManager& manager,
                   std::function<std::string()> problem)
    : timer_(executor), manager_(manager), problem_(std::move(problem)) {}

void Watchdog::start() {
  std::optional<Duration> limit = ServiceManager::watchdog_limit();
  if (!limit) return;
  interval_ = *limit / 2;
  beat();
}

void Watchdog::stop() {
  interval_.reset();
  timer_.cancel();
}

void Watchdog::beat() {
  std::string problem = problem_();
  if (problem.empty()) {
    manager_.alive();
    if (!was_well_) log::info("all is well again");
  } else if (was_well_) {
    log::error("not well: {}", printable(problem));
    log::hint("the service manager ends this server when that goes on");
    manager_.status("not well: " + problem);
  }
  was_well_ = problem.empty();
  timer_.expires_after(*interval_);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled && interval_) beat();
  });
}

}  // namespace anynpu::server
