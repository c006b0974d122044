// SPDX-License-Identifier: Apache-2.0
// HttpConnection: one client's socket, from its first byte to its last.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "server/http_server.h"

namespace anynpu::server {

/// What the connections of a server share. Outlives them.
struct HttpShared {
  HttpLimits limits;
  std::function<void(const RequestRecord&)> observer;
  std::atomic<bool> draining = false;
  std::atomic<std::size_t> connections = 0;
  std::atomic<std::size_t> in_flight = 0;
  std::atomic<std::uint64_t> accepted = 0, refused = 0, requests = 0;
  std::atomic<std::uint64_t> buffered = 0;  // bytes of bodies that are being read
};

// Everything happens on the loop of the socket, so nothing here is locked.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(asio::ip::tcp::socket socket, HttpShared& shared, const Router& router);
  ~HttpConnection();

  /// Answers requests until one side has had enough.
  asio::awaitable<void> run();

  /// Ends a wait whose time is over. Called from time to time.
  void sweep(TimePoint now);
  /// The server drains: closes the connection when it is between two requests.
  void close_if_idle();
  /// Cancels whatever goes on.
  void abort();

 private:
  class Context;
  using Parser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;
  enum class Phase { kIdle, kHead, kBody, kAnswer, kWrite, kLinger };
  // A request that cannot be answered by a handler: the status to answer with; 0: just close.
  struct Problem {
    int status = 0;
    Error error;
  };

  asio::awaitable<bool> read_head(RequestHead& head, std::optional<Problem>& problem);
  asio::awaitable<void> answer(Context& context, std::optional<Problem>& problem);
  asio::awaitable<Result<std::string_view>> read_body();
  bool body_is_read() const;
  std::string_view lend();
  void take_back();
  std::string_view parse_chunk(std::size_t& used, ErrorCode& error);
  asio::awaitable<bool> write(const RequestHead& head, const Response& response, bool keep_alive,
                              std::uint64_t& sent);
  asio::awaitable<bool> begin_stream(const RequestHead& head, const Response& response);
  asio::awaitable<bool> stream(std::string_view bytes);
  asio::awaitable<bool> end_stream();
  asio::awaitable<bool> send_part(std::string_view bytes);
  asio::awaitable<bool> finish_body();
  asio::awaitable<void> linger();
  asio::awaitable<void> more(std::size_t most);

  void begin(Phase phase, Duration limit);
  void receive(std::size_t most);
  void watch();
  bool client_gone() const { return aborted_ || (gone_ != nullptr && gone_->load()); }
  bool lost() const { return closed_ || timed_out_ || aborted_; }

  asio::ip::tcp::socket socket_;
  HttpShared& shared_;
  const Router& router_;
  std::string client_;  // the address
  std::string remote_;  // with the port

  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::unique_ptr<char[]> chunk_;  // what read_body returned last, of a body in chunks
  std::size_t lent_ = 0;           // the bytes of the buffer that it returned last, of another one

  Phase phase_ = Phase::kIdle;
  TimePoint deadline_ = TimePoint::max();
  TimePoint body_deadline_ = TimePoint::max();
  bool fresh_ = true;  // nothing has come yet
  bool timed_out_ = false;
  bool aborted_ = false;
  bool closed_ = false;       // by the client: no more bytes will come
  bool watching_ = false;     // a wait for the socket to be readable is under way
  asio::steady_timer woken_;  // cancelled when that wait has ended
  std::shared_ptr<std::atomic<bool>> gone_;

  enum class Streaming { kNo, kChunks, kToTheEnd, kBroken };
  Streaming streaming_ = Streaming::kNo;
  bool chunked_ = false;        // the answer is sent in chunks
  std::uint64_t streamed_ = 0;  // bytes

  bool expects_continue_ = false;
  std::optional<BodyTerms> body_terms_;     // other than the server's
  std::optional<std::uint64_t> body_left_;  // of the bytes that Content-Length counts
  bool brings_bodies_ = false;              // the last request had one
  std::uint64_t body_read_ = 0;
  std::uint64_t body_buffered_ = 0;  // of it, what counts in HttpShared::buffered
  std::optional<Problem> body_problem_;
};

}  // namespace anynpu::server
