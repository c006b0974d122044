// SPDX-License-Identifier: Apache-2.0
// The service manager (systemd): told when the server is ready, what it does, and that it is alive.
// Without one ($NOTIFY_SOCKET is not set) everything here does nothing.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.h"
#include "runtime/served_model.h"

namespace anynpu::server {

/// Each returns false when there is no service manager, or it could not be told.
class ServiceManager {
 public:
  /// READY=1 and STATUS=; `status` is one line for `systemctl status`.
  bool ready(std::string_view status) const;
  /// STOPPING=1 and STATUS=.
  bool stopping(std::string_view status) const;
  bool status(std::string_view status) const;
  /// WATCHDOG=1.
  bool alive() const;
  /// More time to start or to stop, from now: EXTEND_TIMEOUT_USEC=.
  bool extend(Duration time) const;

  /// WatchdogSec= of the unit; nothing when it has none, or when it is meant for another process.
  static std::optional<Duration> watchdog_limit();
};

/// Whether models get on: one that has requests and has answered none of them for `patience` is
/// stuck. Workers that hang are no such thing, because then their requests are answered by others,
/// or with an error at their deadline.
class ProgressWatch {
 public:
  /// Called for each model from time to time. Why it is stuck; empty when it is not.
  std::string look(const std::string& model, const runtime::Counters& counters, Duration patience,
                   TimePoint now);
  /// Forgets a model that was unloaded.
  void forget(const std::string& model) { seen_.erase(model); }

 private:
  struct Seen {
    std::uint64_t finished = 0;
    TimePoint since = {};
  };
  std::map<std::string, Seen> seen_;
};

/// Whether event loops get on.
class LoopProbe {
 public:
  explicit LoopProbe(std::vector<boost::asio::any_io_executor> loops);

  /// Gives each loop something to do, which it must have done by the next look. Why one is stuck;
  /// empty when none is.
  std::string look();

 private:
  struct Asked {
    boost::asio::any_io_executor loop;
    std::shared_ptr<std::atomic<bool>> done;
  };
  std::vector<Asked> asked_;
};

/// Sends WATCHDOG=1 at half the watchdog's interval, from the loop of `executor`, so that a loop
/// that stands still is not alive; and only while `problem` returns nothing.
class Watchdog {
 public:
  /// `problem` runs on the loop: why the server is not well, or nothing.
  Watchdog(const boost::asio::any_io_executor& executor, const ServiceManager& manager,
           std::function<std::string()> problem);

  /// Does nothing when the unit has no watchdog. On the loop's thread, or before it runs.
  void start();
  /// On the loop's thread. No more is sent.
  void stop();

 private:
  void beat();

  boost::asio::steady_timer timer_;
  const ServiceManager& manager_;
  std::function<std::string()> problem_;
  std::optional<Duration> interval_;
  bool was_well_ = true;
};

}  // namespace anynpu::server
