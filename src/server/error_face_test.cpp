// SPDX-License-Identifier: Apache-2.0
#include "server/error_face.h"

#include <gtest/gtest.h>

namespace anynpu::server {
namespace {

Json body_at(std::string_view path, int status) {
  const Error error = Error{Code::kPermission, "no token"}.with_hint("send one");
  const Response response = error_response(error_face(path), error, status);
  EXPECT_EQ(response.status, status);
  EXPECT_TRUE(response.error);
  return Json::parse(response.body);
}

TEST(ErrorFace, IsWhatTheClientsOfAPathRead) {
  EXPECT_EQ(body_at("/v2/models/a/infer", 401), (Json{{"error", "no token; send one"}}));
  EXPECT_EQ(body_at("/v1/audio/transcriptions", 401), (Json{{"error",
                                                             {{"message", "no token; send one"},
                                                              {"type", "authentication_error"},
                                                              {"param", nullptr},
                                                              {"code", "permission"}}}}));
  EXPECT_EQ(body_at("/v1/models", 429)["error"]["type"], "rate_limit_error");
  EXPECT_EQ(body_at("/v1/vision/detection", 401),
            (Json{{"success", false}, {"error", "no token; send one"}, {"code", 401}}));
  EXPECT_EQ(body_at("/infer", 401)["error"]["hint"], "send one");
  EXPECT_EQ(body_at("/v2x", 404)["success"], false);
}

}  // namespace
}  // namespace anynpu::server
