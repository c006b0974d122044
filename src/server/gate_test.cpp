// SPDX-License-Identifier: Apache-2.0
// Which pages of a browser may ask, and under which names.
#include "server/gate.h"

#include <array>

#include <gtest/gtest.h>
#include <unistd.h>

namespace anynpu::server {
namespace {

RequestHead head_of(const std::string& method, std::vector<Header> headers) {
  RequestHead head;
  head.method = method;
  head.target.path = "/infer";
  head.headers = std::move(headers);
  return head;
}

TEST(Gate, PagesOfOtherOriginsChangeNothing) {
  const Gate gate({.origins = {"https://friend.example"}});
  const auto is_foreign = [&](const std::string& method, std::vector<Header> headers) {
    headers.push_back({"Host", "board:8080"});
    return gate.is_foreign_page(head_of(method, std::move(headers)));
  };
  EXPECT_TRUE(is_foreign("POST", {{"Origin", "http://evil.example"}}));
  EXPECT_TRUE(is_foreign("POST", {{"Origin", "null"}}));
  EXPECT_TRUE(is_foreign("DELETE", {{"Origin", "http://board:9090"}}));
  EXPECT_TRUE(is_foreign("POST", {{"Sec-Fetch-Site", "cross-site"}}));
  EXPECT_TRUE(is_foreign("POST", {{"Sec-Fetch-Site", "same-site"}}));
  EXPECT_FALSE(is_foreign("GET", {{"Origin", "http://evil.example"}})) << "CORS hides the answer";
  EXPECT_FALSE(is_foreign("POST", {})) << "no browser";
  EXPECT_FALSE(is_foreign("POST", {{"Origin", "http://board:8080"}}));
  EXPECT_FALSE(is_foreign("POST", {{"Origin", "https://friend.example"}}));
  EXPECT_FALSE(
      is_foreign("POST", {{"Origin", "https://proxy.example"}, {"Sec-Fetch-Site", "same-origin"}}))
      << "a proxy has changed Host";
  const RequestHead evil = head_of("POST", {{"Origin", "http://evil.example"}});
  EXPECT_FALSE(Gate({.token = "secret"}).is_foreign_page(evil)) << "no page has the token";
  EXPECT_EQ(gate.foreign(evil).status, 403);
}

TEST(Gate, OnLoopbackOnlyItsOwnNamesAreAnswered) {
  const auto is_foreign = [](GateRules rules, const std::string& host) {
    return Gate(std::move(rules)).is_foreign_name(head_of("GET", {{"Host", host}}));
  };
  const GateRules loopback{.origins = {"https://npu.example:444"}, .on_loopback = true};
  EXPECT_TRUE(is_foreign(loopback, "evil.example:8080"));
  EXPECT_TRUE(is_foreign(loopback, "127.0.0.1.evil.example"));
  std::array<char, 256> own{};
  ASSERT_EQ(::gethostname(own.data(), own.size() - 1), 0);
  for (const std::string& host :
       {std::string("127.0.0.1:8080"), std::string("localhost"), std::string("[::1]:8080"),
        std::string("board.local"), std::string("LocalHost:80"), std::string("anynpu:8080"),
        std::string("npu.example"), std::string(own.data()) + ":8080"})
    EXPECT_FALSE(is_foreign(loopback, host)) << host;
  EXPECT_FALSE(is_foreign({}, "service.namespace.svc")) << "it is there for a network";
  EXPECT_FALSE(is_foreign({.token = "secret", .on_loopback = true}, "evil.example"));
}

}  // namespace
}  // namespace anynpu::server
