// SPDX-License-Identifier: Apache-2.0
// Answers that are sent piece by piece, and bodies that a route takes by terms of its own.
#include <condition_variable>
#include <mutex>
#include <thread>

#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include "server/http_error.h"
#include "server/http_server.h"
#include "server/test_client.h"

namespace anynpu::server {
namespace {

class HttpStreamTest : public testing::Test {
 protected:
  // /count sends "1\n", "2\n", ... up to ?to=N, each when the test has allowed it; /large takes
  // bodies of up to 4 MiB; /break throws in the middle.
  void start(HttpLimits limits = {}) {
    router_.add("POST", "/count", "", [this](RequestContext& context) { return count(context); });
    router_.add("POST", "/large", "", [](RequestContext& context) { return large(context); });
    router_.add("POST", "/break", "", [](RequestContext& context) { return broken(context); });
    server_ = std::make_unique<HttpServer>(limits, 1, [this](const RequestRecord& record) {
      std::lock_guard lock(mutex_);
      statuses_.push_back(record.status);
      changed_.notify_all();
    });
    auto port = server_->listen("127.0.0.1", 0, router_);
    ASSERT_TRUE(port) << port.error().message;
    port_ = *port;
    server_->start();
  }

  static Response head() {
    Response response;
    response.headers.push_back({"Content-Type", "text/event-stream"});
    return response;
  }

  asio::awaitable<Response> count(RequestContext& context) {
    std::shared_ptr<std::atomic<bool>> gone = context.watch_client();
    Response first = head();
    bool there = co_await context.begin_stream(first);
    asio::steady_timer timer(co_await asio::this_coro::executor);
    const int to = std::stoi(context.head().target.parameter("to").value_or("3"));
    for (int i = 1; i <= to && there; ++i) {
      while (allowed_ < i && !gone->load()) {
        timer.expires_after(milliseconds(1));
        co_await timer.async_wait(asio::use_awaitable);
      }
      std::string piece = std::to_string(i) + "\n";
      there = co_await context.stream(piece);
    }
    if (!there) ++abandoned_;
    co_return Response();
  }

  static asio::awaitable<Response> large(RequestContext& context) {
    context.allow_body({.most_bytes = 4 << 20, .time = seconds(60)});
    std::size_t bytes = 0;
    while (true) {
      Result<std::string_view> some = co_await context.read_some();
      if (!some) co_return error_response(some.error());
      if (some->empty()) break;
      bytes += some->size();
    }
    co_return json_response({{"bytes", bytes}});
  }

  static asio::awaitable<Response> broken(RequestContext& context) {
    Response first = head();
    co_await context.begin_stream(first);
    std::string piece = "half";
    co_await context.stream(piece);
    throw std::runtime_error("oh");
  }

  bool until(const std::function<bool()>& what) {
    for (TimePoint end = Clock::now() + seconds(60); Clock::now() < end;) {
      if (what()) return true;
      std::this_thread::sleep_for(milliseconds(2));
    }
    return false;
  }

  Router router_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int> statuses_;
  std::atomic<int> allowed_ = 0, abandoned_ = 0;
  int port_ = 0;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpStreamTest, PiecesArriveAsTheyAreSentAndTheConnectionIsKept) {
  start();
  TestClient client(port_);
  client.send(TestClient::request("POST", "/count?to=3", "Content-Length: 0\r\n"));
  TestResponse first = client.read(true);
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.headers["transfer-encoding"], "chunked");
  EXPECT_EQ(first.headers["content-type"], "text/event-stream");
  EXPECT_EQ(first.headers.count("content-length"), 0U);
  EXPECT_FALSE(first.headers["x-request-id"].empty());
  std::string piece;
  for (int i = 1; i <= 3; ++i) {
    allowed_ = i;
    ASSERT_TRUE(client.read_chunk(piece));
    EXPECT_EQ(piece, std::to_string(i) + "\n");
  }
  ASSERT_TRUE(client.read_chunk(piece));
  EXPECT_EQ(piece, "");
  TestResponse second = client.ask("POST", "/count?to=2", "Content-Length: 0\r\n");
  EXPECT_EQ(second.body, "1\n2\n");
}

TEST_F(HttpStreamTest, AClientOfTheOldVersionGetsTheBareBytes) {
  start();
  allowed_ = 9;
  TestClient client(port_);
  client.send("POST /count?to=2 HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
  TestResponse response = client.read(true);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers["connection"], "close");
  EXPECT_EQ(response.headers.count("transfer-encoding"), 0U);
  EXPECT_EQ(client.rest(), "1\n2\n");
}

TEST_F(HttpStreamTest, AClientThatGoesAwayIsNoticedBetweenPieces) {
  start();
  {
    TestClient client(port_);
    client.send(TestClient::request("POST", "/count?to=100", "Content-Length: 0\r\n"));
    allowed_ = 1;
    ASSERT_EQ(client.read(true).status, 200);
    client.reset();
  }
  EXPECT_TRUE(until([&] { return abandoned_ == 1; }));
  EXPECT_TRUE(until([&] {
    std::lock_guard lock(mutex_);
    return statuses_ == std::vector<int>{0};
  }));
}

TEST_F(HttpStreamTest, AHandlerThatBreaksInTheMiddleEndsNoAnswer) {
  start();
  TestClient client(port_);
  client.send(TestClient::request("POST", "/break", "Content-Length: 0\r\n"));
  ASSERT_EQ(client.read(true).status, 200);
  std::string piece;
  ASSERT_TRUE(client.read_chunk(piece));
  EXPECT_EQ(piece, "half");
  EXPECT_FALSE(client.read_chunk(piece)) << "no last chunk: the client sees that it is cut";
}

TEST_F(HttpStreamTest, ARouteMayTakeLargerBodiesThanTheServer) {
  HttpLimits limits;
  limits.body_bytes = 1024;
  limits.buffered_bytes = 1 << 20;
  start(limits);
  TestClient client(port_);
  const std::string body(3 << 20, 'x');
  EXPECT_EQ(client.ask("POST", "/large", "", body).json()["bytes"], body.size());
  EXPECT_EQ(client.ask("POST", "/large", "", "small").json()["bytes"], 5);
  TestResponse refused = TestClient(port_).ask("POST", "/large", "Content-Length: 10000000000\r\n");
  EXPECT_EQ(refused.status, 413);
  EXPECT_NE(refused.body.find("4.2 MB"), std::string::npos) << refused.body;
}

}  // namespace
}  // namespace anynpu::server
