// SPDX-License-Identifier: Apache-2.0
#include "server/router.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace anynpu::server {
namespace {

class PlainContext : public RequestContext {
 public:
  PlainContext(std::string method, std::string_view target) {
    head_.method = std::move(method);
    head_.target = *parse_target(target);
  }
  asio::awaitable<Result<std::string_view>> read_some() override { co_return std::string_view(); }
  std::shared_ptr<std::atomic<bool>> watch_client() override { return nullptr; }
};

class RouterTest : public testing::Test {
 protected:
  RouterTest() {
    add("GET", "/");
    add("GET", "/health");
    add("POST", "/infer");
    add("GET", "/v2/models/{model}");
    add("POST", "/v2/models/{model}/infer");
    add("POST", "/v2/models/special/infer");
    add("GET", "/v2/models/{model}/versions/{version}");
  }

  void add(const std::string& method, const std::string& pattern) {
    router_.add_plain(method, pattern, "", [pattern](RequestContext& context) {
      Response response;
      response.body = pattern + "|" + std::string(context.path_parameter("model")) + "|" +
                      std::string(context.path_parameter("version"));
      return response;
    });
  }

  Response ask(const std::string& method, std::string_view target) {
    PlainContext context(method, target);
    Response response;
    asio::io_context loop;
    asio::co_spawn(
        loop,
        [&]() -> asio::awaitable<void> { response = co_await router_.dispatch(context, matched_); },
        asio::detached);
    loop.run();
    return response;
  }

  static std::string allow(const Response& response) {
    for (const Header& header : response.headers)
      if (header.name == "Allow") return header.value;
    return "";
  }

  Router router_;
  std::string_view matched_;
};

TEST_F(RouterTest, MatchesSegmentsAndPlaces) {
  EXPECT_EQ(ask("GET", "/").body, "/||");
  EXPECT_EQ(ask("GET", "/health?x=1").body, "/health||");
  EXPECT_EQ(ask("GET", "/v2/models/a%2Fb").body, "/v2/models/{model}|a/b|");
  EXPECT_EQ(ask("GET", "/v2/models/m/versions/7").body,
            "/v2/models/{model}/versions/{version}|m|7");
  EXPECT_EQ(matched_, "/v2/models/{model}/versions/{version}");
}

TEST_F(RouterTest, LiteralSegmentsWin) {
  EXPECT_EQ(ask("POST", "/v2/models/special/infer").body, "/v2/models/special/infer||");
  EXPECT_EQ(ask("POST", "/v2/models/other/infer").body, "/v2/models/{model}/infer|other|");
}

TEST_F(RouterTest, HeadIsGet) {
  EXPECT_EQ(ask("HEAD", "/health").body, "/health||");
}

TEST_F(RouterTest, UnknownPathNamesTheNearest) {
  Response response = ask("GET", "/helth");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.error->hint, "did you mean /health ?");
  EXPECT_EQ(ask("GET", "/v2/models/m/extra/7").status, 404);
  EXPECT_EQ(ask("GET", "/v2/models//versions/7").status, 404);
}

TEST_F(RouterTest, WrongMethodNamesTheRightOnes) {
  Response response = ask("GET", "/infer");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(allow(response), "POST, OPTIONS");
  EXPECT_EQ(allow(ask("DELETE", "/health")), "GET, HEAD, OPTIONS");
}

TEST_F(RouterTest, OptionsLists) {
  EXPECT_EQ(ask("OPTIONS", "/infer").status, 204);
  EXPECT_EQ(allow(ask("OPTIONS", "/infer")), "POST, OPTIONS");
  EXPECT_EQ(ask("OPTIONS", "*").status, 204);
  EXPECT_EQ(ask("OPTIONS", "/nothing").status, 404);
}

}  // namespace
}  // namespace anynpu::server
