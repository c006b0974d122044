// SPDX-License-Identifier: Apache-2.0
// From options to a running server, and from a signal to its end.
//
// It listens before the models are loaded, so that /health answers from the first moment. This
// thread then waits for signals; the loops, the work pool and the models have threads of their own.
#include "server/serve.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/text.h"
#include "base/version.h"
#include "host/machine.h"
#include "npu/devices.h"
#include "server/services.h"

namespace anynpu::server {
namespace {

// A connection is a descriptor; the usual soft limit of 1024 is for programs that use select().
void raise_descriptor_limit() {
  constexpr rlim_t kEnough = 65536;
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kEnough) return;
  limit.rlim_cur = std::min(limit.rlim_max, kEnough);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int cores() {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::string page_url(const std::string& address, int port) {
  bool everywhere = address == "0.0.0.0" || address == "::";
  std::string host = everywhere ? "localhost" : address;
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return fmt::format("http://{}:{}/", host, port);
}

void say_ready(const std::string& url) {
  fmt::print(stderr,
             "anynpu {} is serving on {}\n"
             "  open it in a browser and drop a picture on it, or:\n"
             "  curl -F image=@picture.jpg {}infer\n",
             kVersion, url, url);
}

void log_request(const RequestRecord& record) {
  bool is_news = record.error != nullptr && record.status != 0;
  if (!is_news && !spdlog::should_log(spdlog::level::debug)) return;
  std::string line = fmt::format("{} {} {} {} in {:.1f} ms, {} in, {} out, {}", record.remote,
                                 printable(record.method, 16), printable(record.path, 100),
                                 record.status, record.ms, human_bytes(record.bytes_in),
                                 human_bytes(record.bytes_out), record.id);
  if (record.status == 0)
    log::debug("{}: the client has gone", line);
  else if (record.error == nullptr)
    log::debug("{}", line);
  else if (record.status >= 500)
    log::warn("{}: {}", line, record.error->message);
  else
    log::info("{}: {}", line, printable(record.error->message, 300));
}

// Everything of a running server, in the order in which it is built; it ends in the reverse order.
class Server {
 public:
  explicit Server(const ServerOptions& options)
      : options_(options),
        pool_(options.work_threads > 0 ? options.work_threads : cores(), options.work_waiting),
        models_({.models = options.models,
                 .runtime = options.runtime,
                 .most_models = options.most_models}),
        http_(options.http,
              options.loops > 0 ? options.loops
              : cores() >= 4    ? 2
                                : 1,
              [this](const RequestRecord& record) {
                errors_.note(record);
                log_request(record);
              }),
        services_{.models = models_, .pool = pool_, .http = http_, .errors = errors_},
        signals_(control_, SIGINT, SIGTERM),
        patience_(control_) {
    services_.find_devices = options.find_devices ? options.find_devices : [] {
      return npu::find_devices(*host::running_machine());
    };
    services_.infer_time = options.infer_time;
    services_.most_picture_bytes = options.http.body_bytes;
    add_infer_route(router_, services_);
    add_status_routes(router_, services_);
    add_page_routes(router_);
  }

  Result<> run() {
    ANYNPU_CHECK(models_.open());
    ANYNPU_TRY(port, http_.listen(options_.address, options_.port, router_));
    url_ = page_url(options_.address, port);
    log::info("listening on {}:{}, loading the models", options_.address, port);
    wait_for_signal();
    http_.start();
    models_.start_loading([this](Result<> loaded) {
      asio::post(control_, [this, loaded = std::move(loaded)] { on_loaded(loaded); });
    });
    std::thread waiter([this] {
      http_.wait();
      control_.stop();
    });
    control_.run();
    waiter.join();
    models_.drain(Clock::now() + options_.drain_time);
    return outcome_;
  }

 private:
  void on_loaded(const Result<>& loaded) {
    if (!loaded) {
      outcome_ = loaded;
      http_.drain();
      http_.abort();
    } else if (!http_.draining()) {
      (options_.on_ready ? options_.on_ready : say_ready)(url_);
    }
  }

  void wait_for_signal() {
    signals_.async_wait([this](const ErrorCode& error, int number) {
      if (error) return;
      if (http_.draining()) return end_now("a second signal");
      log::info("signal {}: answering what was accepted, then ending", number);
      http_.drain();
      patience_.expires_after(options_.drain_time);
      patience_.async_wait([this](const ErrorCode& cancelled) {
        if (!cancelled) end_now("the time for it is over");
      });
      wait_for_signal();
    });
  }

  void end_now(std::string_view why) {
    log::warn("ending at once: {}", why);
    http_.abort();
    models_.drain(Clock::now());
  }

  const ServerOptions& options_;
  RecentErrors errors_;
  WorkPool pool_;
  ModelHost models_;
  Router router_;
  HttpServer http_;
  Services services_;
  asio::io_context control_;
  asio::signal_set signals_;
  asio::steady_timer patience_;
  std::string url_;
  Result<> outcome_;
};

}  // namespace

Result<> serve(const ServerOptions& options) {
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);
  Server server(options);
  return server.run();
}

}  // namespace anynpu::server
