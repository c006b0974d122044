// SPDX-License-Identifier: Apache-2.0
// What a route's handler sees of a request: its head at once, its body when it asks for it, and
// whether the client is still there.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "server/asio.h"
#include "server/gate.h"
#include "server/http_message.h"

namespace anynpu::server {

/// What a route takes that is not the server's usual, for bodies that are not kept in memory.
struct BodyTerms {
  std::uint64_t most_bytes = 0;
  Duration time = seconds(60);  // for the whole body
  /// It is kept in memory, and from somebody who has yet to show the token: of what the server may
  /// buffer, strangers get a part.
  bool is_stranger = false;
};

class RequestContext {
 public:
  virtual ~RequestContext() = default;

  const RequestHead& head() const { return head_; }
  /// Unique in this process' life and beyond it; also the header X-Request-Id of the reply.
  const std::string& id() const { return id_; }
  TimePoint start() const { return start_; }
  /// The address of the client, without its port.
  const std::string& client() const { return client_; }

  /// What stood in the place of {name} in the route's pattern; empty when it has no such place.
  std::string_view path_parameter(std::string_view name) const {
    for (const auto& [key, value] : path_parameters_)
      if (key == name) return value;
    return {};
  }

  /// The next bytes of the body, valid until the next call; empty at its end. The first call
  /// answers `Expect: 100-continue`. After an error the connection answers by itself: what the
  /// handler returns then is not used.
  virtual asio::awaitable<Result<std::string_view>> read_some() = 0;

  /// Before the first read_some(): other limits than the server's, for a body whose bytes are
  /// passed on at once and so do not count as buffered.
  virtual void allow_body(const BodyTerms&) {}

  /// Watches the socket from now on, so that a client that goes away is noticed while an answer is
  /// worked on. Call it when the body has been read. The flag is set when the client has gone.
  virtual std::shared_ptr<std::atomic<bool>> watch_client() = 0;

  /// Begins an answer that is sent piece by piece, when the body has been read; what the handler
  /// returns at its end is then not sent. False when the client has gone, here and in stream().
  asio::awaitable<bool> begin_stream(Response head) {
    if (gate_ != nullptr) gate_->add_cors(head_, head);
    co_return co_await start_stream(head);
  }
  virtual asio::awaitable<bool> stream(std::string_view) { co_return false; }

 protected:
  friend class Router;
  virtual asio::awaitable<bool> start_stream(const Response&) { co_return false; }

  const Gate* gate_ = nullptr;
  RequestHead head_;
  std::string id_;
  std::string client_;
  TimePoint start_ = Clock::now();
  std::vector<std::pair<std::string, std::string>> path_parameters_;
};

}  // namespace anynpu::server
