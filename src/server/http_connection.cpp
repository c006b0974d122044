// SPDX-License-Identifier: Apache-2.0
// The life of a connection: idle, head, body, answer, write, and again.
//
// Bytes are received in one way only: a receive that does not block, and when nothing is there, a
// wait for the socket to be readable. While a handler works, that wait goes on in the background:
// it shows a client that has gone away, and keeps what a pipelining client has sent already. As
// nothing is received into the buffer while the buffer is in use, no copy and no lock is needed: a
// body that Content-Length counts is read where it was received.
#include "server/http_connection.h"

#include <algorithm>
#include <array>
#include <exception>
#include <random>

#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "server/error_face.h"

namespace anynpu::server {
namespace http = boost::beast::http;
namespace {

constexpr std::size_t kHeadStep = 4096;
constexpr std::size_t kBodyStep = 64 << 10;
constexpr std::size_t kMostDiscarded = 256 << 10;  // of a body that nobody wanted, for keep-alive
constexpr double kStrangersShare = 0.25;           // of what may be buffered
constexpr std::size_t kMostRequestId = 64;
constexpr Duration kLastChance = seconds(1);  // of a new connection while the server drains

std::string new_request_id() {
  static const std::uint32_t process = std::random_device{}();
  static std::atomic<std::uint32_t> counter = 0;
  return fmt::format("{:08x}-{:08x}", process, ++counter);
}

// A client's own id is kept when it is harmless in a log and in a header.
std::string request_id(const RequestHead& head) {
  std::string_view given = head.header("X-Request-Id");
  bool good = !given.empty() && given.size() <= kMostRequestId &&
              std::all_of(given.begin(), given.end(), [](char c) {
                return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '_' || c == '.';
              });
  return good ? std::string(given) : new_request_id();
}

int status_of_parse_error(const ErrorCode& error) {
  if (error == http::error::header_limit) return 431;
  if (error == http::error::bad_version) return 505;
  return 400;
}

}  // namespace

class HttpConnection::Context : public RequestContext {
 public:
  explicit Context(HttpConnection& connection) : connection_(connection) {}

  asio::awaitable<Result<std::string_view>> read_some() override { return connection_.read_body(); }

  void allow_body(const BodyTerms& terms) override { connection_.body_terms_ = terms; }

  asio::awaitable<bool> stream(std::string_view bytes) override {
    return connection_.stream(bytes);
  }

  std::shared_ptr<std::atomic<bool>> watch_client() override {
    if (!connection_.gone_) connection_.gone_ = std::make_shared<std::atomic<bool>>(false);
    connection_.gone_->store(connection_.lost());
    connection_.watch();
    return connection_.gone_;
  }

  RequestHead& mutable_head() { return head_; }
  void begin() {
    client_ = connection_.client_;
    id_ = request_id(head_);
    start_ = Clock::now();
  }

  Response response;
  std::string_view route;

 private:
  asio::awaitable<bool> start_stream(const Response& head) override {
    Response named = head;
    named.headers.push_back({"X-Request-Id", id()});
    co_return co_await connection_.begin_stream(head_, named);
  }

  HttpConnection& connection_;
};

HttpConnection::HttpConnection(asio::ip::tcp::socket socket, HttpShared& shared,
                               const Router& router)
    : socket_(std::move(socket)), shared_(shared), router_(router), woken_(socket_.get_executor()) {
  ErrorCode ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  auto endpoint = socket_.remote_endpoint(ignored);
  client_ = endpoint.address().to_string();
  remote_ = fmt::format("{}:{}", client_, endpoint.port());
  woken_.expires_at(TimePoint::max());
}

HttpConnection::~HttpConnection() {
  --shared_.connections;
}

asio::awaitable<void> HttpConnection::run() {
  bool keep_alive = true;
  while (keep_alive) {
    Context context(*this);
    RequestHead& head = context.mutable_head();
    std::optional<Problem> problem;
    bool asked = co_await read_head(head, problem);
    if (!asked) break;
    context.begin();
    ++shared_.in_flight;
    co_await answer(context, problem);
    --shared_.in_flight;

    keep_alive = !problem && !shared_.draining && parser_->keep_alive();
    Response& response = context.response;
    bool read_whole = true;
    if (keep_alive) read_whole = co_await finish_body();
    keep_alive = keep_alive && read_whole;

    // A problem that has no status is a client that is no longer there to be answered.
    bool answerable = !client_gone() && (!problem || problem->status != 0);
    std::uint64_t sent = 0;
    bool written = false;
    if (streaming_ != Streaming::kNo) {
      keep_alive = keep_alive && streaming_ == Streaming::kChunks;
      written = co_await end_stream();
      sent = streamed_;
    } else if (answerable) {
      written = co_await write(head, response, keep_alive, sent);
    }
    brings_bodies_ = body_read_ > kHeadStep;
    ++shared_.requests;
    RequestRecord record;
    record.route = context.route;
    record.method = head.method;
    record.path = head.target.path;
    record.id = context.id();
    record.remote = remote_;
    record.status = written ? response.status : 0;
    record.bytes_in = body_read_;
    record.bytes_out = sent;
    record.ms = ms_since(context.start());
    record.error = response.error ? &*response.error : nullptr;
    shared_.observer(record);
    if (!written) break;
    if (!keep_alive) co_await linger();
  }
  ErrorCode ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

// False when there is no request to be answered: the client has gone, or was idle for too long.
asio::awaitable<bool> HttpConnection::read_head(RequestHead& head,
                                                std::optional<Problem>& problem) {
  take_back();
  gone_.reset();
  body_problem_.reset();
  body_left_.reset();
  body_read_ = body_buffered_ = streamed_ = 0;
  body_terms_.reset();
  streaming_ = Streaming::kNo;
  expects_continue_ = false;
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(shared_.limits.header_bytes));
  parser_->body_limit(boost::none);  // the body is counted where it is read

  begin(Phase::kIdle, shared_.draining ? kLastChance : shared_.limits.idle_time);
  while (buffer_.size() == 0) {
    if (lost()) co_return false;
    co_await more(brings_bodies_ ? kBodyStep : kHeadStep);
  }
  fresh_ = false;

  begin(Phase::kHead, shared_.limits.header_time);
  ErrorCode error;
  while (!parser_->is_header_done()) {
    std::size_t used = parser_->put(buffer_.data(), error);
    buffer_.consume(used);
    if (parser_->is_header_done()) break;
    if (error && error != http::error::need_more) {
      problem = Problem{status_of_parse_error(error),
                        Error{Code::kInvalid, fmt::format("this is no HTTP request that can be "
                                                          "understood: {}",
                                                          error.message())}};
      co_return true;
    }
    if (timed_out_) {
      problem = Problem{408, Error{Code::kTimeout, "the headers did not come in time"}};
      co_return true;
    }
    if (lost()) co_return false;
    co_await more(kHeadStep);
  }

  const auto& message = parser_->get();
  head.method = message.method_string();
  head.http_minor = static_cast<int>(message.version() % 10);
  for (const auto& field : message)
    head.headers.push_back({std::string(field.name_string()), std::string(field.value())});
  head.chunked = parser_->chunked();
  if (parser_->content_length()) {
    head.content_length = *parser_->content_length();
    body_left_ = head.content_length;
  }
  if (message.version() != 10 && message.version() != 11) {
    problem = Problem{505, Error{Code::kUnsupported, "the version is not HTTP/1.0 or HTTP/1.1"}};
    co_return true;
  }
  Result<Target> target = parse_target(message.target());
  if (!target) {
    int status = target.error().code == Code::kTooLarge ? 414 : 400;
    problem = Problem{status, std::move(target).error()};
    co_return true;
  }
  head.target = std::move(*target);
  if (head.http_minor == 1 && message.count(http::field::host) != 1) {
    problem = Problem{400, Error{Code::kInvalid, "an HTTP/1.1 request needs one Host header"}};
    co_return true;
  }
  // RFC 9112, 6.3: where the body ends cannot be told, so what follows must not be taken for a
  // request.
  if (const std::string_view coding = head.header("Transfer-Encoding");
      !coding.empty() && !equal_ignoring_case(trim(coding), "chunked")) {
    problem = Problem{head.chunked ? 501 : 400,
                      Error{Code::kUnsupported, fmt::format("the transfer coding '{}' is not taken",
                                                            printable(coding, 40))}
                          .with_hint("send the body with a Content-Length, or chunked")};
    co_return true;
  }
  std::string_view expect = head.header("Expect");
  expects_continue_ = head.http_minor == 1 && equal_ignoring_case(expect, "100-continue");
  if (!expect.empty() && !expects_continue_ && head.http_minor == 1)
    problem =
        Problem{417, Error{Code::kInvalid, "the only expectation that is met is 100-continue"}};
  co_return true;
}

asio::awaitable<void> HttpConnection::answer(Context& context, std::optional<Problem>& problem) {
  begin(Phase::kAnswer, Duration::max());
  if (!problem) {
    try {
      context.response = co_await router_.dispatch(context, context.route);
    } catch (const std::exception& exception) {
      if (streaming_ != Streaming::kNo) streaming_ = Streaming::kBroken;
      context.response =
          error_response(error_face(context.head().target.path),
                         Error{Code::kInternal,
                               fmt::format("the request broke the server: {}", exception.what())});
    }
    shared_.buffered -= body_buffered_;
    body_buffered_ = 0;
    chunk_.reset();
    problem = std::move(body_problem_);
  }
  if (streaming_ != Streaming::kNo) co_return;
  if (problem) {
    context.response =
        error_response(error_face(context.head().target.path), problem->error, problem->status);
    router_.add_cors(context.head(), context.response);
  }
  context.response.headers.push_back({"X-Request-Id", context.id()});
}

bool HttpConnection::body_is_read() const {
  return body_left_ ? *body_left_ == 0 : parser_->is_done();
}

void HttpConnection::take_back() {
  buffer_.consume(std::exchange(lent_, 0));
}

std::string_view HttpConnection::lend() {
  lent_ = static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), *body_left_));
  *body_left_ -= lent_;
  return {static_cast<const char*>(buffer_.data().data()), lent_};
}

// Of a body that comes in chunks; the bytes of the buffer that were used are added to `used`.
std::string_view HttpConnection::parse_chunk(std::size_t& used, ErrorCode& error) {
  // Not cleared: of a slow client's chunk only what came takes memory.
  if (!chunk_) chunk_ = std::make_unique_for_overwrite<char[]>(kBodyStep);
  auto& body = parser_->get().body();
  body.data = chunk_.get();
  body.size = kBodyStep;
  body.more = true;
  used = parser_->put(buffer_.data(), error);
  buffer_.consume(used);
  return {chunk_.get(), kBodyStep - body.size};
}

asio::awaitable<Result<std::string_view>> HttpConnection::read_body() {
  take_back();
  if (body_problem_) co_return body_problem_->error;
  if (body_is_read()) {
    begin(Phase::kAnswer, Duration::max());
    co_return std::string_view();
  }
  const HttpLimits& limits = shared_.limits;
  const std::uint64_t most = body_terms_ ? body_terms_->most_bytes : limits.body_bytes;
  std::uint64_t announced = parser_->content_length().value_or(0);
  if (phase_ != Phase::kBody) {
    begin(Phase::kBody, body_terms_ ? body_terms_->time : limits.body_time);
    body_deadline_ = deadline_;
    if (announced <= most && expects_continue_ && buffer_.size() == 0) {
      static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      ErrorCode error;
      auto bytes = asio::buffer(kContinue);
      co_await asio::async_write(socket_, bytes, asio::redirect_error(asio::use_awaitable, error));
    }
    expects_continue_ = false;
  }
  while (!body_problem_) {
    if (announced > most || body_read_ > most) {
      body_problem_ = Problem{
          413, Error{Code::kTooLarge,
                     fmt::format("the body is larger than the limit of {}", human_bytes(most))}};
      break;
    }
    const bool stranger = body_terms_ && body_terms_->is_stranger;
    const auto most_buffered =
        static_cast<double>(limits.buffered_bytes) * (stranger ? kStrangersShare : 1);
    if (static_cast<double>(shared_.buffered) > most_buffered) {
      body_problem_ = Problem{503, Error{Code::kBusy, "too many large requests at once"}.with_hint(
                                       "try again in a moment")};
      break;
    }
    ErrorCode error;
    std::size_t used = 0;
    const std::string_view got = body_left_ ? lend() : parse_chunk(used, error);
    if (!got.empty()) {
      body_read_ += got.size();
      if (!body_terms_ || body_terms_->is_stranger) {
        body_buffered_ += got.size();
        shared_.buffered += got.size();
      }
      deadline_ = body_deadline_;  // silence is the client's, not that of who works on these bytes
      co_return got;
    }
    if (body_is_read()) {
      begin(Phase::kAnswer, Duration::max());
      co_return std::string_view();
    }
    if (error && error != http::error::need_more && error != http::error::need_buffer) {
      body_problem_ = Problem{
          400, Error{Code::kInvalid, fmt::format("the body is malformed: {}", error.message())}};
    } else if (timed_out_) {
      body_problem_ = Problem{408, Error{Code::kTimeout, "the body did not come in time"}};
    } else if (aborted_) {
      body_problem_ = Problem{0, Error{Code::kCancelled, "the server ends"}};
    } else if (closed_) {
      std::string whole = parser_->content_length()
                              ? fmt::format("of {} bytes", *parser_->content_length())
                              : std::string("and no end");
      body_problem_ = Problem{
          400,
          Error{Code::kInvalid, fmt::format("the body ends after {} bytes {}", body_read_, whole)}};
    } else if (used == 0 && buffer_.size() >= limits.header_bytes) {
      body_problem_ = Problem{
          400, Error{Code::kInvalid, "the body is malformed: the head of a chunk has no end"}};
    } else if (used == 0) {
      deadline_ = std::min(body_deadline_, Clock::now() + limits.body_silence);
      co_await more(kBodyStep);
    }
  }
  co_return body_problem_->error;
}

// Reads over a small rest of the body, so that the next request can follow. False: close instead.
asio::awaitable<bool> HttpConnection::finish_body() {
  if (body_is_read()) co_return true;
  const bool small = body_left_ && *body_left_ <= kMostDiscarded;
  if (!small || expects_continue_) co_return false;
  bool good = true;
  while (good && !body_is_read()) {
    Result<std::string_view> bytes = co_await read_body();
    good = bytes.has_value();
  }
  shared_.buffered -= body_buffered_;
  body_buffered_ = 0;
  chunk_.reset();
  co_return good;
}

asio::awaitable<bool> HttpConnection::write(const RequestHead& head, const Response& response,
                                            bool keep_alive, std::uint64_t& sent) {
  begin(Phase::kWrite, shared_.limits.write_time);
  std::string_view body = response.asset.empty() ? std::string_view(response.body) : response.asset;
  std::string first = encode_head(response, body.size(), head.http_minor, keep_alive);
  bool bodiless = head.method == "HEAD" || response.status == 204 || response.status == 304;
  std::array<asio::const_buffer, 2> parts = {asio::buffer(first),
                                             asio::buffer(bodiless ? std::string_view() : body)};
  ErrorCode error;
  sent =
      co_await asio::async_write(socket_, parts, asio::redirect_error(asio::use_awaitable, error));
  co_return !error;
}

asio::awaitable<bool> HttpConnection::begin_stream(const RequestHead& head,
                                                   const Response& response) {
  if (client_gone() || streaming_ != Streaming::kNo) co_return false;
  const bool chunks = head.http_minor > 0;
  // A body that was not read to its end would be taken for the next request.
  const bool keep_alive = chunks && !shared_.draining && parser_->keep_alive() && body_is_read();
  streaming_ = keep_alive ? Streaming::kChunks : Streaming::kToTheEnd;
  chunked_ = chunks;
  std::string first = encode_head(response, std::nullopt, head.http_minor, keep_alive);
  co_return co_await send_part(first);
}

asio::awaitable<bool> HttpConnection::stream(std::string_view bytes) {
  if (streaming_ == Streaming::kNo || bytes.empty()) co_return !client_gone();
  std::string part =
      chunked_ ? fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes) : std::string(bytes);
  co_return co_await send_part(part);
}

asio::awaitable<bool> HttpConnection::end_stream() {
  if (streaming_ == Streaming::kBroken || !chunked_)
    co_return streaming_ != Streaming::kBroken && !client_gone();
  std::string_view last = "0\r\n\r\n";
  co_return co_await send_part(last);
}

// Between two pieces the socket is watched as before, so that a client that goes is noticed.
asio::awaitable<bool> HttpConnection::send_part(std::string_view bytes) {
  if (client_gone() || streaming_ == Streaming::kBroken) co_return false;
  begin(Phase::kWrite, shared_.limits.write_time);
  ErrorCode error;
  auto buffer = asio::buffer(bytes);
  streamed_ +=
      co_await asio::async_write(socket_, buffer, asio::redirect_error(asio::use_awaitable, error));
  begin(Phase::kAnswer, Duration::max());
  if (error) {
    streaming_ = Streaming::kBroken;
    if (gone_) gone_->store(true);
    co_return false;
  }
  if (gone_) watch();
  co_return true;
}

// A socket that is closed while bytes wait in it resets the connection, and the client may lose the
// answer that it was just sent. So what still comes is read for a moment.
asio::awaitable<void> HttpConnection::linger() {
  ErrorCode ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  begin(Phase::kLinger, std::min<Duration>(seconds(2), shared_.limits.header_time));
  while (!lost()) {
    buffer_.consume(buffer_.size());
    co_await more(kBodyStep);
  }
}

// Waits until bytes have come (at most `most` are taken), or the connection is lost.
asio::awaitable<void> HttpConnection::more(std::size_t most) {
  std::size_t before = buffer_.size();
  if (!watching_) receive(most);
  if (lost() || buffer_.size() > before) co_return;
  if (buffer_.size() == 0) buffer_.shrink_to_fit();  // thousands may be idle
  watch();
  while (watching_) {
    ErrorCode ignored;
    co_await woken_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  if (!lost() && buffer_.size() == before) receive(most);
}

void HttpConnection::receive(std::size_t most) {
  ErrorCode error;
  auto room = buffer_.prepare(most);
  std::size_t got = socket_.read_some(room, error);
  buffer_.commit(got);
  if (error && error != asio::error::would_block && error != asio::error::try_again &&
      error != asio::error::interrupted)
    closed_ = true;
}

void HttpConnection::watch() {
  if (watching_ || lost()) return;
  watching_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_read,
                     [self = shared_from_this()](const ErrorCode& error) {
                       self->watching_ = false;
                       if (!error && self->phase_ == Phase::kAnswer) {
                         self->receive(kHeadStep);
                         if (self->closed_ && self->gone_) self->gone_->store(true);
                         if (self->buffer_.size() < self->shared_.limits.header_bytes)
                           self->watch();
                       }
                       if (!self->watching_) self->woken_.cancel();
                     });
}

void HttpConnection::begin(Phase phase, Duration limit) {
  phase_ = phase;
  timed_out_ = false;
  deadline_ = limit == Duration::max() ? TimePoint::max() : Clock::now() + limit;
}

void HttpConnection::sweep(TimePoint now) {
  if (now < deadline_) return;
  deadline_ = TimePoint::max();
  timed_out_ = true;
  ErrorCode ignored;
  socket_.cancel(ignored);
}

void HttpConnection::close_if_idle() {
  if (phase_ != Phase::kIdle || buffer_.size() > 0) return;
  ErrorCode ignored;
  bool bytes_wait = socket_.available(ignored) > 0;
  if (fresh_ || bytes_wait)
    deadline_ = std::min(deadline_, Clock::now() + kLastChance);
  else
    abort();
}

void HttpConnection::abort() {
  aborted_ = true;
  if (gone_) gone_->store(true);
  ErrorCode ignored;
  socket_.cancel(ignored);
}

}  // namespace anynpu::server
