// SPDX-License-Identifier: Apache-2.0
// Loops, listeners, the sweep, and the way to the end.
//
// Each loop is one io_context with one thread; a connection stays on the loop that it was given to.
// The loops end by running out of work: drain() closes the listeners, each connection ends after
// its request, and the last one takes the sweep along.
#include "server/http_server.h"

#include <algorithm>
#include <thread>
#include <unordered_set>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/prctl.h>

#include "base/log.h"
#include "base/text.h"
#include "server/http_connection.h"
#include "server/http_error.h"

namespace anynpu::server {
namespace {

using asio::ip::tcp;

constexpr Duration kLongestSweep = milliseconds(250);
constexpr Duration kShortestSweep = milliseconds(5);
constexpr std::size_t kCrowd = 512;                 // connections whose memory is worth giving back
constexpr Duration kFirstPause = milliseconds(20);  // after a failed accept, doubled each time
constexpr Duration kLongestPause = seconds(1);

// Asio opens sockets without it, and a worker that hangs in the kernel would keep the port.
void keep_from_children(int fd) {
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

struct Loop {
  Loop() : sweep(context) {}
  asio::io_context context = asio::io_context(1);
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> guard;
  std::unordered_set<HttpConnection*> connections;
  asio::steady_timer sweep;
  bool sweeping = false;
  std::size_t crowd = 0;  // the most connections since memory was last given back
  std::thread thread;
};

// A connection is in its loop's set for as long as its coroutine runs.
asio::awaitable<void> drive(std::shared_ptr<HttpConnection> connection, Loop* loop) {
  loop->connections.insert(connection.get());
  try {
    co_await connection->run();
  } catch (const std::exception& problem) {
    log::error("a connection broke: {}", problem.what());
  }
  loop->connections.erase(connection.get());
  if (loop->connections.empty()) loop->sweep.cancel();
}

bool is_shortage(const ErrorCode& error) {
  namespace code = boost::system::errc;
  return error == code::too_many_files_open || error == code::too_many_files_open_in_system ||
         error == code::no_buffer_space || error == code::not_enough_memory;
}

}  // namespace

struct HttpServer::Impl {
  HttpShared shared;
  std::vector<std::unique_ptr<Loop>> loops;
  std::vector<std::unique_ptr<tcp::acceptor>> listeners;  // used on the first loop only
  Duration sweep_every = kLongestSweep;
  std::size_t next = 0;
  bool started = false;
  std::atomic<bool> aborting = false;

  asio::awaitable<void> accept(tcp::acceptor& listener, const Router& router);
  void take(tcp::socket socket, Loop& loop, const Router& router);
  void refuse(tcp::socket socket);
  void start_sweep(Loop& loop);
  void end_if_done(Loop& loop);
};

HttpServer::HttpServer(const HttpLimits& limits, int loops,
                       std::function<void(const RequestRecord&)> observer)
    : impl_(std::make_shared<Impl>()) {
  impl_->shared.limits = limits;
  impl_->shared.observer = std::move(observer);
  for (Duration time : {limits.header_time, limits.idle_time, limits.body_time, limits.body_silence,
                        limits.write_time})
    impl_->sweep_every = std::min(impl_->sweep_every, time / 4);
  impl_->sweep_every = std::max(impl_->sweep_every, kShortestSweep);
  for (int i = 0; i < std::max(1, loops); ++i) {
    impl_->loops.push_back(std::make_unique<Loop>());
    Loop& loop = *impl_->loops.back();
    loop.guard.emplace(loop.context.get_executor());
  }
}

HttpServer::~HttpServer() {
  drain();
  abort();
  start();
  wait();
}

Result<int> HttpServer::listen(const std::string& address, int port, const Router& router,
                               std::string_view flag) {
  ErrorCode error;
  auto ip = asio::ip::make_address(address == "localhost" ? "127.0.0.1" : address, error);
  if (error)
    return Error{Code::kInvalid, fmt::format("'{}' is no IP address", printable(address))}
        .with_hint("use 127.0.0.1 for this machine only, 0.0.0.0 for every network of it");
  tcp::endpoint endpoint(ip, static_cast<std::uint16_t>(port));
  auto listener = std::make_unique<tcp::acceptor>(impl_->loops.front()->context);
  listener->open(endpoint.protocol(), error);
  if (!error) keep_from_children(listener->native_handle());
  if (!error) listener->set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && ip.is_v6() && ip.is_unspecified())
    listener->set_option(asio::ip::v6_only(false), error);
  if (!error) listener->bind(endpoint, error);
  if (!error) listener->listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    std::string where = fmt::format("{}:{}", address, port);
    if (error == asio::error::address_in_use)
      return Error{Code::kBusy, fmt::format("port {} is in use: {}", port, where), error.value(),
                   ""}
          .with_hint(fmt::format("take another one: {} {}", flag, port < 65534 ? port + 2 : 8080));
    if (error == asio::error::access_denied)
      return Error{Code::kPermission, fmt::format("port {} is not allowed: {}", port, where),
                   error.value(), ""}
          .with_hint(fmt::format("take one from 1024 up: {} 8080", flag));
    return system_error(fmt::format("cannot listen on {}", where), error.value());
  }
  int chosen = listener->local_endpoint(error).port();
  tcp::acceptor& reference = *listener;
  impl_->listeners.push_back(std::move(listener));
  asio::co_spawn(impl_->loops.front()->context, impl_->accept(reference, router), asio::detached);
  return chosen;
}

void HttpServer::start() {
  if (impl_->started) return;
  impl_->started = true;
  for (auto& loop : impl_->loops)
    loop->thread = std::thread([context = &loop->context] {
      ::prctl(PR_SET_NAME, "anynpu-loop");
      context->run();
    });
}

std::vector<asio::any_io_executor> HttpServer::executors() {
  std::vector<asio::any_io_executor> all;
  for (auto& loop : impl_->loops) all.emplace_back(loop->context.get_executor());
  return all;
}

void HttpServer::drain() {
  if (impl_->shared.draining.exchange(true)) return;
  Impl& impl = *impl_;
  asio::post(impl.loops.front()->context, [&impl] {
    for (auto& listener : impl.listeners) {
      ErrorCode ignored;
      listener->close(ignored);
    }
    // Connections that were just accepted are on their way to their loops before this is.
    for (auto& loop : impl.loops) {
      asio::post(loop->context, [&impl, loop = loop.get()] {
        for (HttpConnection* connection : loop->connections) connection->close_if_idle();
        impl.end_if_done(*loop);
      });
    }
  });
}

void HttpServer::abort() {
  impl_->aborting = true;
  Impl& impl = *impl_;
  for (auto& loop : impl.loops) {
    asio::post(loop->context, [loop = loop.get()] {
      for (HttpConnection* connection : loop->connections) connection->abort();
    });
  }
}

void HttpServer::wait() {
  for (auto& loop : impl_->loops)
    if (loop->thread.joinable()) loop->thread.join();
}

bool HttpServer::draining() const {
  return impl_->shared.draining;
}

HttpCounters HttpServer::counters() const {
  const HttpShared& shared = impl_->shared;
  return {shared.connections, shared.in_flight, shared.accepted, shared.refused, shared.requests};
}

asio::awaitable<void> HttpServer::Impl::accept(tcp::acceptor& listener, const Router& router) {
  Duration pause = kFirstPause;
  asio::steady_timer timer(listener.get_executor());
  while (!shared.draining) {
    Loop& loop = *loops[next++ % loops.size()];
    tcp::socket socket(loop.context);
    ErrorCode error;
    co_await listener.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (shared.draining) break;
    if (!error) {
      keep_from_children(socket.native_handle());
      pause = kFirstPause;
      ++shared.accepted;
      if (shared.connections >= shared.limits.connections)
        refuse(std::move(socket));
      else
        take(std::move(socket), loop, router);
      continue;
    }
    // The waiting client stays in the kernel's queue, so trying again at once would spin.
    if (is_shortage(error)) {
      if (pause == kFirstPause) {
        log::warn("cannot take a connection: {}", error.message());
        log::hint("raise the limit on open files (ulimit -n, LimitNOFILE=)");
      }
      timer.expires_after(pause);
      pause = std::min(pause * 2, kLongestPause);
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
    }
  }
}

void HttpServer::Impl::take(tcp::socket socket, Loop& loop, const Router& router) {
  ++shared.connections;
  asio::post(loop.context, [this, &loop, &router, socket = std::move(socket)]() mutable {
    auto connection = std::make_shared<HttpConnection>(std::move(socket), shared, router);
    asio::co_spawn(loop.context, drive(std::move(connection), &loop), asio::detached);
    start_sweep(loop);
  });
}

// One write that does not wait, and the socket is closed: a crowd must not cost anything.
void HttpServer::Impl::refuse(tcp::socket socket) {
  ++shared.refused;
  Response response = error_response(
      Error{Code::kBusy, fmt::format("there are {} connections already", shared.limits.connections)}
          .with_hint("try again in a moment"));
  std::string text = encode_head(response, response.body.size(), 1, false) + response.body;
  ErrorCode ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(text), ignored);
  socket.shutdown(tcp::socket::shutdown_both, ignored);
}

// Goes on while there are connections.
void HttpServer::Impl::start_sweep(Loop& loop) {
  if (loop.sweeping) return;
  loop.sweeping = true;
  loop.sweep.expires_after(sweep_every);
  loop.sweep.async_wait([this, &loop](const ErrorCode&) {
    loop.sweeping = false;
    TimePoint now = Clock::now();
    for (HttpConnection* connection : loop.connections) {
      if (aborting) connection->abort();
      connection->sweep(now);
    }
    loop.crowd = std::max(loop.crowd, loop.connections.size());
    if (loop.crowd > kCrowd && loop.connections.size() < loop.crowd / 4) {
      ::malloc_trim(0);  // glibc keeps what a crowd needed, in case that it comes again
      loop.crowd = loop.connections.size();
    }
    if (!loop.connections.empty()) start_sweep(loop);
    end_if_done(loop);
  });
}

void HttpServer::Impl::end_if_done(Loop& loop) {
  if (shared.draining && loop.connections.empty()) loop.guard.reset();
}

}  // namespace anynpu::server
