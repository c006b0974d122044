// SPDX-License-Identifier: Apache-2.0
// The service manager (systemd), by its protocol (sd_notify(3), sd_watchdog_enabled(3)): one
// datagram. libsystemd would bring six more libraries, which every command would load at its start.
#include "server/service_manager.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"

namespace anynpu::server {
namespace {

constexpr std::size_t kMostStatusBytes = 400;

// The protocol is lines of NAME=VALUE, so a status must not have a line break of its own.
bool notify(const std::string& text) {
  const char* name = std::getenv("NOTIFY_SOCKET");
  if (name == nullptr || (*name != '/' && *name != '@')) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(name);
  if (length >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, name, length);
  if (*name == '@') address.sun_path[0] = '\0';  // of the abstract name space
  Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return fd && ::sendto(fd.get(), text.data(), text.size(), MSG_NOSIGNAL,
                        reinterpret_cast<const sockaddr*>(&address),
                        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length)) ==
                   static_cast<ssize_t>(text.size());
}

std::uint64_t number_in_environment(const char* name) {
  const char* text = std::getenv(name);
  std::uint64_t number = 0;
  if (text != nullptr) std::from_chars(text, text + std::strlen(text), number);
  return number;
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
  const std::uint64_t limit = number_in_environment("WATCHDOG_USEC");
  const bool of_another =
      std::getenv("WATCHDOG_PID") != nullptr &&
      number_in_environment("WATCHDOG_PID") != static_cast<std::uint64_t>(::getpid());
  if (limit == 0 || of_another) return std::nullopt;
  constexpr std::uint64_t kLongest = std::chrono::microseconds(std::chrono::hours(24)).count();
  return microseconds(std::min(limit, kLongest));
}

std::string ProgressWatch::look(const std::string& model, const runtime::Counters& counters,
                                Duration patience, TimePoint now) {
  std::uint64_t finished = counters.answered + counters.failed + counters.cancelled;
  bool has_work = counters.in_flight > 0;
  auto [at, is_new] = seen_.try_emplace(model, Seen{finished, now});
  Seen& seen = at->second;
  if (is_new || !has_work || finished != seen.finished) {
    seen = {finished, now};
    return {};
  }
  if (now - seen.since <= patience) return {};
  return fmt::format("{} has {} requests and has answered none for {:.0f} s", model,
                     counters.in_flight, to_ms(now - seen.since) / 1000);
}

LoopProbe::LoopProbe(std::vector<boost::asio::any_io_executor> loops) {
  for (auto& loop : loops) asked_.push_back({std::move(loop), nullptr});
}

std::string LoopProbe::look() {
  for (const Asked& each : asked_)
    if (each.done && !each.done->load()) return "an event loop stands still";
  for (Asked& each : asked_) {
    each.done = std::make_shared<std::atomic<bool>>(false);
    boost::asio::post(each.loop, [done = each.done] { done->store(true); });
  }
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
