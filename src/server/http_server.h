// SPDX-License-Identifier: Apache-2.0
// HttpServer: listeners, event loops and connections.
//
// A connection is one coroutine on one loop, so a slow client costs memory and no thread. Every
// wait for a client has a limit, held by a sweep over the connections of a loop, not by a timer for
// each.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "server/asio.h"
#include "server/http_message.h"
#include "server/router.h"

namespace anynpu::server {

struct HttpLimits {
  std::size_t header_bytes = 16 << 10;        // first line and headers; over it: 431
  std::uint64_t body_bytes = 64ULL << 20;     // over it: 413
  std::uint64_t buffered_bytes = 1ULL << 30;  // of all bodies that are being read; over it: 503
  std::size_t connections = 8192;             // over it: 503 and closed
  Duration header_time = seconds(10);  // from the first byte of a request to the end of its headers
  Duration idle_time = seconds(75);    // between requests
  Duration body_time = seconds(60);    // to read a whole body
  Duration body_silence = seconds(15);  // the longest pause within a body
  Duration write_time = seconds(60);    // to take a whole answer
};

/// A request that has been answered, or whose connection was lost over it.
struct RequestRecord {
  std::string_view route;  // the pattern; empty when no route was found
  std::string_view method;
  std::string_view path;
  std::string_view id;
  std::string_view remote;
  int status = 0;  // 0: the client went away before it was answered
  std::uint64_t bytes_in = 0, bytes_out = 0;
  double ms = 0;
  const Error* error = nullptr;  // why the status is not a good one
};

struct HttpCounters {
  std::size_t connections = 0;  // open now
  std::size_t in_flight = 0;    // requests being answered now
  std::uint64_t accepted = 0;   // connections, since the start
  std::uint64_t refused = 0;    // connections over the limit
  std::uint64_t requests = 0;   // answered
};

class HttpServer {
 public:
  /// `observer` is called on the loops' threads, once per request.
  HttpServer(const HttpLimits& limits, int loops,
             std::function<void(const RequestRecord&)> observer);
  /// Ends at once what still goes on.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Listens on an IPv4 or IPv6 address ("127.0.0.1", "::", "localhost") for what `router`
  /// answers, which is borrowed for the server's life. Port 0 takes a free one. Returns the port.
  /// Before start(). `flag`: of the command line, which an error says to change.
  Result<int> listen(const std::string& address, int port, const Router& router,
                     std::string_view flag = "--port");

  /// The loops begin to run, on threads of their own.
  void start();

  /// Of the first loop; for signals and timers.
  std::vector<asio::any_io_executor> executors();

  /// Takes no more connections, closes idle ones, answers what was accepted. Any thread.
  void drain();
  /// Closes every connection as soon as its handler has ended. Any thread.
  void abort();
  /// Returns when the server was drained (or aborted) and the last connection has gone.
  void wait();

  bool draining() const;
  HttpCounters counters() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace anynpu::server
