// SPDX-License-Identifier: Apache-2.0
// Models of a running server as its operator sees them: versions, labels and shares, loaded,
// replaced and unloaded while clients go on; the listener for probes, the token, and the service
// manager.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/un.h>

#include "base/report.h"
#include "server/test_client.h"
#include "server_process.h"
#include "tiny_store.h"
#include "worker_runner.h"

namespace anynpu {
namespace {

using server::TestClient;
using server::TestResponse;
using test::ServerProcess;

constexpr const char* kRequest =
    R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]})";

class ServingTest : public ::testing::Test {
 protected:
  void TearDown() override {
    if (server_) {
      EXPECT_EQ(server_->stop(), 0);
    }
  }

  void start(const std::string& config, const std::vector<std::string>& more = {}) {
    test::TinyStore::put(store_.path() / "anynpu.toml", config);
    ::setenv("ANYNPU_MODELS", store_.path().c_str(), 1);
    std::vector<std::string> options = {"--config", store_.path() / "anynpu.toml"};
    options.insert(options.end(), more.begin(), more.end());
    if (std::find(more.begin(), more.end(), "--instances") == more.end())
      options.insert(options.end(), {"--instances", "1"});
    server_ = std::make_unique<ServerProcess>(ANYNPU_BINARY, ServerProcess::free_port(), options);
    if (!server_->wait_until_ready()) throw std::runtime_error("the server did not start");
  }

  TestResponse ask(const std::string& method, const std::string& target,
                   const std::string& body = "", const std::string& headers = "") {
    return TestClient(server_->port())
        .ask(method, target, body.empty() ? headers + "Content-Length: 0\r\n" : headers, body);
  }

  static std::string version_of(const TestResponse& reply) {
    Json json = Json::parse(reply.body, nullptr, false);
    return reply.status == 200 ? json["model_version"].get<std::string>() : reply.body;
  }

  /// The sum of a metric's series that have all of these labels.
  double metric(const std::string& name, const std::vector<std::string>& labels) {
    std::istringstream lines(ask("GET", "/metrics").body);
    double sum = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line.rfind(name + "{", 0) != 0) continue;
      bool fits = std::all_of(labels.begin(), labels.end(), [&](const std::string& label) {
        return line.find(label) != std::string::npos;
      });
      if (fits) sum += std::atof(line.c_str() + line.rfind(' '));
    }
    return sum;
  }

  /// Asks until the answer is that, for as long as it takes.
  bool wait_for(const std::function<bool()>& what) {
    for (int i = 0; i < 600; ++i) {
      if (what()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return false;
  }

  test::TinyStore store_;
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(ServingTest, TenThousandRequestsAreSplitByWeight) {
  store_.add_identity("ab", {1, 2});
  start(R"([[model]]
name = "ab"
versions = "all"
labels = {stable = 1, canary = 2}
weights = {stable = 90, canary = 10}
sticky_header = "X-User"
)");
  std::map<std::string, int> counts;
  TestClient client(server_->port());
  for (int i = 0; i < 10000; ++i)
    ++counts[version_of(client.ask("POST", "/v2/models/ab/infer", "", kRequest))];
  EXPECT_EQ(counts.size(), 2U);
  EXPECT_NEAR(counts["1"], 9000, 100);
  EXPECT_NEAR(counts["2"], 1000, 100);
  EXPECT_EQ(metric("anynpu_inference_requests_total", {"model=\"ab\"", "version=\"1\""}),
            counts["1"]);
  EXPECT_EQ(metric("anynpu_inference_requests_total", {"model=\"ab\"", "version=\"2\""}),
            counts["2"]);
  EXPECT_EQ(metric("anynpu_infer_seconds_count", {"model=\"ab\"", "version=\"2\""}), counts["2"]);

  // 10,000 users: the same split, and each always gets the same version.
  std::map<std::string, int> users;
  std::map<int, std::string> first;
  auto of_user = [&](int user) {
    return version_of(client.ask("POST", "/v2/models/ab/infer",
                                 "X-User: user-" + std::to_string(user) + "\r\n", kRequest));
  };
  for (int user = 0; user < 10000; ++user) ++users[first[user] = of_user(user)];
  EXPECT_NEAR(users["1"], 9000, 100);
  EXPECT_NEAR(users["2"], 1000, 100);
  for (int user = 0; user < 10000; user += 37) EXPECT_EQ(of_user(user), first[user]) << user;

  // By name, nobody is sent elsewhere.
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(version_of(ask("POST", "/v2/models/ab/versions/canary/infer", kRequest)), "2");
    EXPECT_EQ(version_of(ask("POST", "/v2/models/ab/versions/1/infer", kRequest)), "1");
  }
  EXPECT_EQ(ask("POST", "/v2/models/ab/versions/beta/infer", kRequest).status, 404);
  const Json status = Json::parse(ask("GET", "/status").body);
  EXPECT_EQ(status["models"][1]["labels"], Json({"canary"}));
  // A label stands for its version in every address.
  const Json statistics = client.ask("GET", "/v2/models/ab/versions/canary/stats").json();
  EXPECT_EQ(statistics["model_stats"][0]["version"], "2") << statistics;
  EXPECT_EQ(client.ask("GET", "/v2/models/ab/versions/canary/ready").status, 200);
  EXPECT_DOUBLE_EQ(status["models"][1]["share"].get<double>(), 0.1);
}

TEST_F(ServingTest, ModelsAreReplacedWhileClientsGoOn) {
  store_.add_identity("swap", {1});
  start("[[model]]\nname = \"swap\"\n", {"--instances", "2"});
  std::atomic<bool> ending = false;
  std::atomic<int> good = 0, bad = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i)
    clients.emplace_back([&] {
      TestClient client(server_->port());
      while (!ending) {
        TestResponse reply = client.ask("POST", "/v2/models/swap/infer", "", kRequest);
        ++(reply.status == 200 ? good : bad);
        if (reply.status != 200) ADD_FAILURE() << reply.status << reply.body;
        if (reply.status == 0) return;
      }
    });
  for (int round = 0; round < 5; ++round) {
    const int before = good;
    store_.touch("swap", 1);
    TestResponse loaded = ask("POST", "/v2/repository/models/swap/load", "{}");
    EXPECT_EQ(loaded.status, 200) << loaded.body;
    EXPECT_TRUE(wait_for([&] { return good > before + 50; }));
  }
  ending = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(bad, 0);
  // The workers of those that were replaced are gone: two instances are left.
  EXPECT_TRUE(wait_for([&] { return test::children_of(server_->pid()).size() <= 2; }));
  // What has not changed is not loaded again.
  const auto workers = test::children_of(server_->pid());
  EXPECT_EQ(ask("POST", "/v2/repository/models/swap/load").status, 200);
  EXPECT_EQ(test::children_of(server_->pid()), workers);
}

TEST_F(ServingTest, UnloadedModelsStayAwayUntilTheyAreLoaded) {
  store_.add_identity("one", {1});
  store_.add_identity("two", {1});
  start("[models]\nload = [\"one\", \"two\"]\n");
  EXPECT_EQ(ask("POST", "/v2/models/two/infer", kRequest).status, 200);
  EXPECT_EQ(ask("POST", "/v2/repository/models/two/unload", "{}").status, 200);
  TestResponse gone = ask("POST", "/v2/models/two/infer", kRequest);
  EXPECT_EQ(gone.status, 404);
  EXPECT_THAT(gone.body, ::testing::HasSubstr("/v2/repository/models/two/load"));
  EXPECT_EQ(ask("GET", "/v2/models/two/ready").status, 503);
  EXPECT_EQ(ask("POST", "/v2/repository/models/two/unload").status, 404);
  EXPECT_EQ(ask("GET", "/health").status, 200) << "unloaded by request is no failure";
  EXPECT_EQ(ask("POST", "/v2/models/one/infer", kRequest).status, 200);
  EXPECT_TRUE(wait_for([&] { return test::children_of(server_->pid()).size() == 1; }));
  EXPECT_EQ(ask("POST", "/v2/repository/models/two/load", "{}").status, 200);
  EXPECT_EQ(ask("POST", "/v2/models/two/infer", kRequest).status, 200);
}

TEST_F(ServingTest, VersionsThatComeAndGoAreNoticedWhereThatIsWanted) {
  store_.add_identity("watched", {1});
  start("[models]\nload = [\"watched\"]\nwatch = true\nwatch_interval = 0.1\n");
  auto answers = [&] { return version_of(ask("POST", "/v2/models/watched/infer", kRequest)); };
  EXPECT_EQ(answers(), "1");
  store_.add_version("watched", 2);
  EXPECT_TRUE(wait_for([&] { return answers() == "2"; }));
  EXPECT_TRUE(wait_for([&] { return test::children_of(server_->pid()).size() == 1; }))
      << "version 1 is not wanted any more";
  store_.remove_version("watched", 2);
  EXPECT_TRUE(wait_for([&] { return answers() == "1"; }));
}

TEST_F(ServingTest, VersionsThatComeAreLeftAloneWhereThatIsNotWanted) {
  store_.add_identity("still", {1});
  start("[models]\nload = [\"still\"]\n");
  store_.add_version("still", 2);
  EXPECT_EQ(version_of(ask("POST", "/v2/models/still/infer", kRequest)), "1");
  EXPECT_EQ(ask("POST", "/v2/repository/models/still/load").status, 200);
  EXPECT_EQ(version_of(ask("POST", "/v2/models/still/infer", kRequest)), "2");
}

TEST_F(ServingTest, PoliciesSayWhichVersionsAreServed) {
  store_.add_identity("all", {1, 2, 3});
  store_.add_identity("two", {1, 2, 3});
  store_.add_identity("some", {1, 2, 3});
  start(R"([[model]]
name = "all"
versions = "all"
[[model]]
name = "two"
versions = "latest 2"
[[model]]
name = "some"
versions = [1, 3]
)");
  auto versions = [&](const std::string& name) {
    return Json::parse(ask("GET", "/v2/models/" + name).body)["versions"];
  };
  EXPECT_EQ(versions("all"), Json({"1", "2", "3"}));
  EXPECT_EQ(versions("two"), Json({"2", "3"}));
  EXPECT_EQ(versions("some"), Json({"1", "3"}));
  EXPECT_EQ(version_of(ask("POST", "/v2/models/some/infer", kRequest)), "3");
  TestResponse refused = ask("POST", "/v2/models/some/versions/2/infer", kRequest);
  EXPECT_EQ(refused.status, 404);
  EXPECT_THAT(refused.body, ::testing::HasSubstr("is not served"));
}

TEST_F(ServingTest, SeveralPicturesInOneRequest) {
  store_.add_colours("colours", {1});
  start("[models]\nload = [\"colours\"]\n");
  auto part = [](const std::string& bytes) {
    return "--B\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.bmp\"\r\n\r\n" +
           bytes + "\r\n";
  };
  const char* form = "Content-Type: multipart/form-data; boundary=B\r\n";
  TestResponse reply = ask("POST", "/infer?top=1",
                           part(test::bmp(4, 250, 0, 0)) + part(test::bmp(9, 0, 250, 0)) +
                               part("no picture") + part(test::bmp(4, 0, 0, 250)) + "--B--\r\n",
                           form);
  ASSERT_EQ(reply.status, 200) << reply.body;
  Json json = Json::parse(reply.body);
  EXPECT_EQ(json["success"], false);
  ASSERT_EQ(json["results"].size(), 4U);
  EXPECT_EQ(json["results"][0]["predictions"][0]["label"], "red");
  EXPECT_EQ(json["results"][1]["predictions"][0]["label"], "green");
  EXPECT_EQ(json["results"][1]["image"]["width"], 9);
  EXPECT_EQ(json["results"][2]["success"], false);
  EXPECT_EQ(json["results"][2]["error"]["code"], "unsupported");
  EXPECT_EQ(json["results"][3]["predictions"][0]["label"], "blue");
  TestResponse bad = ask("POST", "/infer", part("none") + part("nor this") + "--B--\r\n", form);
  EXPECT_EQ(bad.status, 415) << bad.body;
  EXPECT_EQ(Json::parse(bad.body)["results"].size(), 2U);
}

TEST_F(ServingTest, ProbesHaveAListenerOfTheirOwnAndNeedNoToken) {
  store_.add_identity("one", {1});
  const int port = ServerProcess::free_port();
  start(
      "[server]\ntoken = \"s3cret\"\ncors_origins = [\"https://example.org\"]\n[models]\nload = "
      "[\"one\"]\n",
      {"--health-port", std::to_string(port)});
  EXPECT_EQ(TestClient(port).ask("GET", "/health").status, 200);
  EXPECT_EQ(TestClient(port).ask("GET", "/health/live").status, 200);
  EXPECT_THAT(TestClient(port).ask("GET", "/metrics").body,
              ::testing::HasSubstr("anynpu_model_ready{model=\"one\",version=\"1\"} 1"));
  EXPECT_EQ(TestClient(port).ask("GET", "/status").status, 404);

  for (const char* open : {"/health", "/v2/health/live", "/v2/health/ready"})
    EXPECT_EQ(ask("GET", open).status, 200) << open;
  for (const char* closed : {"/status", "/metrics", "/v2", "/v2/models/one"}) {
    TestResponse refused = ask("GET", closed);
    EXPECT_EQ(refused.status, 401) << closed;
    EXPECT_THAT(refused.headers["www-authenticate"], ::testing::HasSubstr("Bearer"));
    for (const char* wrong : {"Basic s3cret", "Bearer", "Bearer s3cre", "Bearer s3crett", "s3cret"})
      EXPECT_EQ(ask("GET", closed, "", std::string("Authorization: ") + wrong + "\r\n").status, 401)
          << wrong;
    EXPECT_EQ(ask("GET", closed, "", "Authorization: bearer s3cret\r\n").status, 200) << closed;
  }
  EXPECT_EQ(ask("POST", "/v2/models/one/infer", kRequest).status, 401);

  TestResponse preflight = ask("OPTIONS", "/infer", "",
                               "Origin: https://example.org\r\n"
                               "Access-Control-Request-Method: POST\r\n");
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(preflight.headers["access-control-allow-origin"], "https://example.org");
  EXPECT_THAT(preflight.headers["access-control-allow-methods"], ::testing::HasSubstr("POST"));
  EXPECT_THAT(preflight.headers["access-control-allow-headers"],
              ::testing::HasSubstr("Authorization"));
  TestResponse other = ask("OPTIONS", "/infer", "",
                           "Origin: https://example.com\r\n"
                           "Access-Control-Request-Method: POST\r\n");
  EXPECT_EQ(other.headers.count("access-control-allow-origin"), 0U);
  EXPECT_EQ(ask("GET", "/health", "", "Origin: https://example.org\r\n")
                .headers["access-control-allow-origin"],
            "https://example.org");
}

TEST_F(ServingTest, OneClientCannotTakeEverything) {
  store_.add_identity("one", {1});
  start("[models]\nload = [\"one\"]\n", {"--client-requests", "1"});
  // The first request of this client is under way for as long as its body is not complete.
  TestClient slow(server_->port());
  slow.send("POST /v2/models/one/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{");
  EXPECT_TRUE(
      wait_for([&] { return ask("POST", "/v2/models/one/infer", kRequest).status == 429; }));
  TestResponse refused = ask("POST", "/v2/models/one/infer", kRequest);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.headers["retry-after"], "1");
  EXPECT_EQ(ask("GET", "/health").status, 200) << "probes are not counted";
  slow.close();
  EXPECT_TRUE(
      wait_for([&] { return ask("POST", "/v2/models/one/infer", kRequest).status == 200; }));
}

TEST_F(ServingTest, TheServiceManagerIsTold) {
  store_.add_identity("one", {1});
  Fd manager(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string path = store_.path() / "notify";
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(manager.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  ::setenv("WATCHDOG_USEC", "400000", 1);
  start("[models]\nload = [\"one\"]\n");
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("WATCHDOG_USEC");
  std::string said;
  auto hears = [&](const std::string& word) {
    for (int i = 0; i < 1000 && said.find(word) == std::string::npos; ++i) {
      pollfd wait = {manager.get(), POLLIN, 0};
      if (::poll(&wait, 1, 60'000) != 1) return false;
      char text[4096];
      ssize_t got = ::recv(manager.get(), text, sizeof text, 0);
      if (got > 0) said.append(text, static_cast<std::size_t>(got)).append("\n");
    }
    return said.find(word) != std::string::npos;
  };
  EXPECT_TRUE(hears("READY=1")) << said;
  EXPECT_TRUE(hears("STATUS=serving one 1 on cpu")) << said;
  EXPECT_TRUE(hears("WATCHDOG=1")) << said;
  said.clear();
  EXPECT_TRUE(hears("WATCHDOG=1")) << "again and again";
  ::kill(server_->pid(), SIGTERM);
  EXPECT_TRUE(hears("STOPPING=1")) << said;
}

// Nobody waits for it at the first signal, or until the second one somebody does.
TEST_F(ServingTest, ASignalEndsItWhileAModelLoads) {
  store_.add_identity("one", {1});
  const test::WorkerRunner endless(test::kEndlessLoad);
  for (const bool somebody_waits : {false, true}) {
    test::TinyStore::put(store_.path() / "anynpu.toml", "[models]\nload = [\"one\"]\n");
    ::setenv("ANYNPU_MODELS", store_.path().c_str(), 1);
    ServerProcess server(ANYNPU_BINARY, ServerProcess::free_port(),
                         {"--config", store_.path() / "anynpu.toml", "--drain", "600"});
    const auto listens = [&] { return test::HttpClient(server.port()).get("/health").has_value(); };
    ASSERT_TRUE(wait_for(listens));
    const auto begin = std::chrono::steady_clock::now();
    std::thread client;
    if (somebody_waits) {
      client = std::thread([port = server.port()] {
        (void)test::HttpClient(port).request("POST", "/v2/models/one/infer", kRequest);
      });
      const auto is_waited_for = [&] {
        auto metrics = test::HttpClient(server.port()).get("/metrics");
        return metrics &&
               metrics->body.find("\nanynpu_requests_in_flight 2\n") != std::string::npos;
      };
      ASSERT_TRUE(wait_for(is_waited_for));  // the other one asks for the metrics
      ::kill(server.pid(), SIGTERM);
      ASSERT_TRUE(wait_for([&] { return !listens(); }));
    }
    EXPECT_EQ(server.stop(), 0);
    if (client.joinable()) client.join();
    // Of every load alone, and there are several candidates.
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
  }
}

}  // namespace
}  // namespace anynpu
