// SPDX-License-Identifier: Apache-2.0
// The HTTP of the server over real sockets on loopback: what it keeps, what it refuses, how it
// ends.
#include "server/http_server.h"

#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "server/http_error.h"
#include "server/test_client.h"

namespace anynpu::server {
namespace {

struct Seen {
  int status;
  std::string path, message;
};

class HttpServerTest : public testing::Test {
 protected:
  // Routes: /echo answers with the body, /wait answers when the test says so, /skip does not read
  // its body, /throw breaks, /big is 8 MB.
  void start(HttpLimits limits = {}) {
    router_.add("POST", "/echo", "", [](RequestContext& context) { return echo(context); });
    router_.add("POST", "/wait", "", [this](RequestContext& context) { return wait(context); });
    router_.add_plain("POST", "/skip", "", [](RequestContext&) { return json_response({}); });
    router_.add_plain("GET", "/hello", "", [](RequestContext& context) {
      Response response;
      response.body = "hello " + context.head().target.parameter("name").value_or("you");
      return response;
    });
    router_.add_plain("GET", "/throw", "",
                      [](RequestContext&) -> Response { throw std::runtime_error("oh"); });
    router_.add_plain("GET", "/big", "", [](RequestContext&) {
      Response response;
      response.body = std::string(8 << 20, 'b');
      return response;
    });
    server_ = std::make_unique<HttpServer>(limits, 2, [this](const RequestRecord& record) {
      std::lock_guard lock(mutex_);
      seen_.push_back({record.status, std::string(record.path),
                       record.error != nullptr ? record.error->message : ""});
      changed_.notify_all();
    });
    auto port = server_->listen("127.0.0.1", 0, router_);
    ASSERT_TRUE(port) << port.error().message;
    port_ = *port;
    server_->start();
  }

  static asio::awaitable<Response> echo(RequestContext& context) {
    Response response;
    while (true) {
      Result<std::string_view> bytes = co_await context.read_some();
      if (!bytes) co_return error_response(bytes.error());
      if (bytes->empty()) break;
      response.body += *bytes;
    }
    co_return response;
  }

  asio::awaitable<Response> wait(RequestContext& context) {
    Response body = co_await echo(context);
    std::shared_ptr<std::atomic<bool>> gone = context.watch_client();
    {
      std::lock_guard lock(mutex_);
      ++waiting_;
      changed_.notify_all();
    }
    asio::steady_timer timer(co_await asio::this_coro::executor);
    while (!go_on_ && !gone->load()) {
      timer.expires_after(milliseconds(1));
      co_await timer.async_wait(asio::use_awaitable);
    }
    body.body = gone->load() ? "gone" : "done";
    co_return body;
  }

  // Waits, for long if need be, until `what` holds.
  bool until(const std::function<bool()>& what) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, seconds(60), what);
  }
  bool eventually(const std::function<bool()>& what) {
    for (TimePoint end = Clock::now() + seconds(60); Clock::now() < end;) {
      if (what()) return true;
      std::this_thread::sleep_for(milliseconds(2));
    }
    return false;
  }

  Router router_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Seen> seen_;
  int waiting_ = 0;
  std::atomic<bool> go_on_ = false;
  int port_ = 0;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, KeepsAliveAndAnswersInOrder) {
  start();
  TestClient client(port_);
  TestResponse first = client.ask("GET", "/hello?name=a");
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, "hello a");
  EXPECT_EQ(first.headers["x-content-type-options"], "nosniff");
  EXPECT_FALSE(first.headers["x-request-id"].empty());
  EXPECT_FALSE(first.headers["date"].empty());
  EXPECT_EQ(client.ask("POST", "/echo", "", "body").body, "body");
  EXPECT_EQ(client.ask("POST", "/skip", "", "not read by the handler").status, 200);
  EXPECT_EQ(client.ask("GET", "/hello").body, "hello you");
  EXPECT_EQ(server_->counters().accepted, 1U);
}

TEST_F(HttpServerTest, Pipelining) {
  start();
  TestClient client(port_);
  std::string all;
  for (int i = 0; i < 50; ++i)
    all += TestClient::request("GET", "/hello?name=" + std::to_string(i)) +
           TestClient::request("POST", "/echo", "", "body" + std::to_string(i));
  client.send(all);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(client.read().body, "hello " + std::to_string(i));
    EXPECT_EQ(client.read().body, "body" + std::to_string(i));
  }
}

TEST_F(HttpServerTest, PipelinedBodiesOfAllSizesEndWhereTheySay) {
  start();
  TestClient client(port_);
  std::string all;
  std::vector<std::string> bodies;
  for (const std::size_t size : {0, 1, 4000, 4096, 5000, 65535, 65536, 70000, 200000, 3}) {
    std::string& body = bodies.emplace_back(size, '.');
    for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>('a' + (i * 7 + size) % 26);
    all += TestClient::request("POST", "/echo", "", body) +
           TestClient::request("POST", "/skip", "", body) +
           fmt::format(
               "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
               size == 0 ? "" : fmt::format("{:x}\r\n{}\r\n", size, body));
  }
  std::thread sender([&] { client.send(all); });
  for (const std::string& body : bodies) {
    EXPECT_EQ(client.read().body, body);
    EXPECT_EQ(client.read().status, 200);
    EXPECT_EQ(client.read().body, body);
  }
  sender.join();
}

TEST_F(HttpServerTest, PipelinedBytesWaitWhileAHandlerWorks) {
  start();
  TestClient client(port_);
  client.send(TestClient::request("POST", "/wait", "", "x"));
  ASSERT_TRUE(until([&] { return waiting_ == 1; }));
  for (int i = 0; i < 2000; ++i) client.send(TestClient::request("GET", "/hello?name=next"));
  go_on_ = true;
  EXPECT_EQ(client.read().body, "done");
  for (int i = 0; i < 2000; ++i) ASSERT_EQ(client.read().body, "hello next");
}

TEST_F(HttpServerTest, RequestsInSingleBytes) {
  start();
  TestClient client(port_);
  for (char c : TestClient::request("POST", "/echo", "", "slow but steady"))
    ASSERT_TRUE(client.send({&c, 1}));
  EXPECT_EQ(client.read().body, "slow but steady");
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  start();
  TestClient client(port_);
  TestResponse head = client.ask("HEAD", "/hello");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers["content-length"], "9");
  EXPECT_EQ(client.ask("GET", "/hello").body, "hello you");
}

TEST_F(HttpServerTest, ChunkedBodies) {
  start();
  TestClient client(port_);
  client.send(
      "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4\r\nfour\r\n6;ext=1\r\n and 6\r\n0\r\n\r\n");
  EXPECT_EQ(client.read().body, "four and 6");
  EXPECT_EQ(client.ask("GET", "/hello").status, 200);
}

TEST_F(HttpServerTest, ChunksWithoutAnEndAreCutOff) {
  start();
  const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string& endless : {std::string(100'000, '1'), "5;" + std::string(100'000, 'x'),
                                     "0\r\nX: " + std::string(100'000, 'y')}) {
    TestClient client(port_);
    client.send(head + endless);
    EXPECT_EQ(client.read().status, 400) << endless.substr(0, 10);
  }
}

TEST_F(HttpServerTest, LargeBodiesAndAnswers) {
  start();
  TestClient client(port_);
  std::string body(3 << 20, 'x');
  EXPECT_EQ(client.ask("POST", "/echo", "", body).body, body);
  EXPECT_EQ(client.ask("GET", "/big").body.size(), 8U << 20);
}

TEST_F(HttpServerTest, ExpectContinue) {
  start();
  TestClient client(port_);
  client.send(
      "POST /echo HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(client.read().status, 100);
  client.send("body");
  EXPECT_EQ(client.read().body, "body");
  // Not wanted: the answer comes at once and the connection ends, for a body may follow or not.
  client.send(
      "POST /skip HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  TestResponse refused = client.read();
  EXPECT_EQ(refused.status, 200);
  EXPECT_EQ(refused.headers["connection"], "close");
  TestClient other(port_);
  EXPECT_EQ(other.ask("POST", "/echo", "Expect: 200-ok\r\n", "x").status, 417);
}

TEST_F(HttpServerTest, ExpectContinueOverTheLimitIsRefusedAtOnce) {
  start({.body_bytes = 100});
  TestClient client(port_);
  client.send(
      "POST /echo HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n");
  EXPECT_EQ(client.read().status, 413);
  EXPECT_TRUE(client.closed_by_server());
}

TEST_F(HttpServerTest, BodyLimit) {
  start({.body_bytes = 100'000});
  TestClient announced(port_);
  EXPECT_EQ(announced.ask("POST", "/echo", "", std::string(100'001, 'x')).status, 413);
  TestClient chunked(port_);
  chunked.send("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 20; ++i) chunked.send("2000\r\n" + std::string(0x2000, 'x') + "\r\n");
  EXPECT_EQ(chunked.read().status, 413);
  TestClient fits(port_);
  EXPECT_EQ(fits.ask("POST", "/echo", "", std::string(100'000, 'x')).status, 200);
  TestClient lying(port_);
  lying.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999999\r\n\r\nx");
  EXPECT_EQ(lying.read().status, 413);
}

TEST_F(HttpServerTest, ARefusalReachesWhoGoesOnSending) {
  Gate gate({.origins = {"https://page.example"}});
  router_.set_gate(&gate);
  start({.body_bytes = 1000});
  TestClient client(port_);
  client.send(
      "POST /echo HTTP/1.1\r\nHost: t\r\nOrigin: https://page.example\r\n"
      "Content-Length: 8000000\r\n\r\n");
  EXPECT_TRUE(client.send(std::string(8'000'000, 'x')));
  TestResponse refused = client.read();
  EXPECT_EQ(refused.status, 413);
  EXPECT_EQ(refused.headers["access-control-allow-origin"], "https://page.example");
  server_.reset();  // before the gate
}

TEST_F(HttpServerTest, AllBodiesTogetherHaveALimit) {
  start({.buffered_bytes = 1000});
  TestClient client(port_);
  TestResponse refused = client.ask("POST", "/echo", "", std::string(200'000, 'x'));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers["retry-after"], "1");
  TestClient small(port_);
  EXPECT_EQ(small.ask("POST", "/echo", "", "x").status, 200) << "it is given back";
}

TEST_F(HttpServerTest, LyingContentLength) {
  start();
  TestClient client(port_);
  client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\nonly this");
  client.half_close();
  TestResponse response = client.read();
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.headers["connection"], "close");
  ASSERT_TRUE(until([&] { return seen_.size() == 1; }));
  EXPECT_EQ(seen_[0].message, "the body ends after 9 bytes of 1000 bytes");
}

TEST_F(HttpServerTest, MalformedRequests) {
  start({.header_bytes = 4096});
  for (const auto& [bytes, status] : std::vector<std::pair<std::string, int>>{
           {"nonsense\r\n\r\n", 400},
           {"GET /hello HTTP/1.1\r\n\r\n", 400},  // no Host
           {"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
           {"GET /hello HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400},
           {"GET hello HTTP/1.1\r\nHost: a\r\n\r\n", 400},
           {"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
           {"GET /hello HTTP/3.7\r\nHost: a\r\n\r\n", 505},
           {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
           {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            400},
           {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
            "chunked\r\n\r\n",
            400},
           {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
           // Where these bodies end nobody can tell: nothing of them is a request.
           {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"
            "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
            400},
           {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 400},
           {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            501},
           {"GET /hello HTTP/1.1\r\nHost: a\r\nX: " + std::string(5000, 'x') + "\r\n\r\n", 431},
           {std::string(5000, 'G'), 431},
           {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15), 400}}) {
    TestClient client(port_);
    client.send(bytes);
    EXPECT_EQ(client.read().status, status) << bytes.substr(0, 80);
    EXPECT_TRUE(client.closed_by_server()) << bytes.substr(0, 80);
  }
}

TEST_F(HttpServerTest, HeaderFloodIsCutOff) {
  start();
  TestClient client(port_);
  client.send("GET /hello HTTP/1.1\r\nHost: a\r\n");
  bool open = true;
  for (int i = 0; i < 100'000 && open; ++i) open = client.send("X-Flood: 0123456789\r\n");
  EXPECT_TRUE(client.closed_by_server());
  EXPECT_TRUE(eventually([&] { return server_->counters().connections == 0; }));
}

TEST_F(HttpServerTest, OldHttp) {
  start();
  TestClient closing(port_);
  closing.send("GET /hello HTTP/1.0\r\n\r\n");
  EXPECT_EQ(closing.read().body, "hello you");
  EXPECT_TRUE(closing.closed_by_server());
  TestClient keeping(port_);
  keeping.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(keeping.read().headers["connection"], "keep-alive");
  EXPECT_EQ(keeping.ask("GET", "/hello", "Connection: close\r\n").headers["connection"], "close");
  EXPECT_TRUE(keeping.closed_by_server());
}

TEST_F(HttpServerTest, ABrokenHandlerIsA500) {
  start();
  TestClient client(port_);
  TestResponse response = client.ask("GET", "/throw");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.json()["error"]["code"], "internal");
  EXPECT_EQ(client.ask("GET", "/hello").status, 200);
}

TEST_F(HttpServerTest, RequestIds) {
  start();
  TestClient client(port_);
  EXPECT_EQ(client.ask("GET", "/hello", "X-Request-Id: mine-1.0\r\n").headers["x-request-id"],
            "mine-1.0");
  EXPECT_NE(client.ask("GET", "/hello", "X-Request-Id: a<b\r\n").headers["x-request-id"], "a<b");
  EXPECT_NE(client.ask("GET", "/hello").headers["x-request-id"],
            client.ask("GET", "/hello").headers["x-request-id"]);
}

TEST_F(HttpServerTest, SlowHeadersAre408) {
  start({.header_time = milliseconds(50)});
  TestClient client(port_);
  client.send("GET /hello HT");
  EXPECT_EQ(client.read().status, 408);
  EXPECT_TRUE(client.closed_by_server());
}

TEST_F(HttpServerTest, SlowBodiesAre408) {
  start({.body_time = milliseconds(50)});
  TestClient client(port_);
  client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nhalf");
  EXPECT_EQ(client.read().status, 408);
  EXPECT_TRUE(client.closed_by_server());
}

TEST_F(HttpServerTest, IdleConnectionsAreClosedWithoutAWord) {
  start({.idle_time = milliseconds(1000)});
  TestClient silent(port_);
  EXPECT_EQ(silent.read().status, 0);
  TestClient client(port_);
  EXPECT_EQ(client.ask("GET", "/hello").status, 200);
  EXPECT_EQ(client.read().status, 0);
}

TEST_F(HttpServerTest, AClientThatDoesNotReadIsLetGo) {
  start({.write_time = milliseconds(100)});
  TestClient client(port_, 4096);
  client.send(TestClient::request("GET", "/big"));
  ASSERT_TRUE(until([&] { return seen_.size() == 1; }));
  EXPECT_EQ(seen_[0].status, 0);
  EXPECT_TRUE(eventually([&] { return server_->counters().connections == 0; }));
}

TEST_F(HttpServerTest, AWorkingHandlerHasNoTimeLimitOfTheConnection) {
  start({.header_time = milliseconds(600),
         .idle_time = milliseconds(600),
         .body_time = milliseconds(600),
         .write_time = seconds(60)});
  TestClient client(port_);
  client.send(TestClient::request("POST", "/wait", "", "x"));
  ASSERT_TRUE(until([&] { return waiting_ == 1; }));
  std::this_thread::sleep_for(milliseconds(1500));
  go_on_ = true;
  EXPECT_EQ(client.read().body, "done");
}

TEST_F(HttpServerTest, AClientThatGoesAwayIsNoticed) {
  start();
  for (int way = 0; way < 3; ++way) {
    TestClient client(port_);
    client.send(TestClient::request("POST", "/wait", "", "x"));
    ASSERT_TRUE(until([&] { return waiting_ == way + 1; }));
    if (way == 0) client.close();
    if (way == 1) client.half_close();
    if (way == 2) client.reset();
    ASSERT_TRUE(until([&] { return seen_.size() == static_cast<std::size_t>(way) + 1; })) << way;
    EXPECT_EQ(seen_.back().status, 0);
  }
  EXPECT_TRUE(eventually([&] { return server_->counters().connections == 0; }));
}

TEST_F(HttpServerTest, AHalfClosedClientStillGetsAQuickAnswer) {
  start();
  TestClient client(port_);
  client.send(TestClient::request("POST", "/echo", "", "x"));
  client.half_close();
  EXPECT_EQ(client.read().body, "x");
  EXPECT_TRUE(client.closed_by_server());
}

TEST_F(HttpServerTest, TooManyConnections) {
  start({.connections = 2});
  TestClient first(port_), second(port_);
  EXPECT_EQ(first.ask("GET", "/hello").status, 200);
  EXPECT_EQ(second.ask("GET", "/hello").status, 200);
  TestClient third(port_);
  EXPECT_EQ(third.read().status, 503);
  EXPECT_TRUE(third.closed_by_server());
  first.close();
  ASSERT_TRUE(eventually([&] { return server_->counters().connections < 2; }));
  TestClient fourth(port_);
  EXPECT_EQ(fourth.ask("GET", "/hello").status, 200);
}

double cpu_ms() {
  rusage used = {};
  ::getrusage(RUSAGE_SELF, &used);
  auto ms = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1000 + static_cast<double>(time.tv_usec) / 1000;
  };
  return ms(used.ru_utime) + ms(used.ru_stime);
}

TEST_F(HttpServerTest, WithoutDescriptorsItWaitsAndDoesNotSpin) {
  start();
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  int lowest_free = ::dup(0);
  ::close(lowest_free);
  rlimit one_more = before;
  one_more.rlim_cur = static_cast<rlim_t>(lowest_free) + 1;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &one_more), 0);
  TestClient client(port_);  // the kernel takes the connection, the server cannot
  double start_ms = cpu_ms();
  client.send(TestClient::request("GET", "/hello"));
  std::this_thread::sleep_for(milliseconds(300));
  double used_ms = cpu_ms() - start_ms;
  EXPECT_EQ(server_->counters().accepted, 0U);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_LT(used_ms, 150);
  EXPECT_EQ(client.read().body, "hello you");
}

TEST_F(HttpServerTest, ManySlowClientsHoldNobodyUp) {
  start();
  std::list<TestClient> slow;
  for (int i = 0; i < 300; ++i) {
    slow.emplace_back(port_);
    slow.back().send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nx");
  }
  TestClient client(port_);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.ask("GET", "/hello").status, 200);
  for (TestClient& each : slow) each.send("xxxxxxxxx");
  for (TestClient& each : slow) EXPECT_EQ(each.read().body, "xxxxxxxxxx");
}

TEST_F(HttpServerTest, DrainFinishesWhatWasAccepted) {
  start();
  TestClient idle(port_), busy(port_);
  EXPECT_EQ(idle.ask("GET", "/hello").status, 200);
  busy.send(TestClient::request("POST", "/wait", "", "x"));
  ASSERT_TRUE(until([&] { return waiting_ == 1; }));
  server_->drain();
  EXPECT_TRUE(idle.closed_by_server());
  ASSERT_TRUE(eventually([&] { return !TestClient(port_).connected(); }));
  go_on_ = true;
  TestResponse answer = busy.read();
  EXPECT_EQ(answer.body, "done");
  EXPECT_EQ(answer.headers["connection"], "close");
  server_->wait();
  EXPECT_EQ(server_->counters().connections, 0U);
}

TEST_F(HttpServerTest, AbortEndsAtOnce) {
  start();
  TestClient busy(port_), half(port_);
  half.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nx");
  busy.send(TestClient::request("POST", "/wait", "", "x"));
  ASSERT_TRUE(until([&] { return waiting_ == 1; }));
  server_->drain();
  server_->abort();
  server_->wait();
  EXPECT_EQ(busy.read().status, 0);
  EXPECT_EQ(half.read().status, 0);
}

TEST_F(HttpServerTest, ListenErrorsSayWhatToDo) {
  start();
  HttpServer second({}, 1, [](const RequestRecord&) {});
  auto in_use = second.listen("127.0.0.1", port_, router_);
  ASSERT_FALSE(in_use);
  EXPECT_EQ(in_use.error().code, Code::kBusy);
  EXPECT_NE(in_use.error().hint.find("--port"), std::string::npos);
  EXPECT_EQ(second.listen("not an address", 0, router_).error().code, Code::kInvalid);
  EXPECT_TRUE(second.listen("localhost", 0, router_));
}

}  // namespace
}  // namespace anynpu::server
