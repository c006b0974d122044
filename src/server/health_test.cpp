// SPDX-License-Identifier: Apache-2.0
#include "server/health.h"

#include <gtest/gtest.h>

namespace anynpu::server {
namespace {

ModelStatus model(ModelState state, bool named = true) {
  ModelStatus status;
  status.state = state;
  status.named_at_start = named;
  return status;
}

std::string word(const std::vector<ModelStatus>& models) {
  return health_of(models).status;
}

TEST(Health, IsAboutWhatWasNamed) {
  EXPECT_EQ(word({}), "ok");
  EXPECT_EQ(word({model(ModelState::kReady)}), "ok");
  EXPECT_EQ(word({model(ModelState::kReady), model(ModelState::kLoading)}), "starting");
  EXPECT_EQ(word({model(ModelState::kReady), model(ModelState::kFailed)}), "degraded");
  EXPECT_EQ(word({model(ModelState::kFailed)}), "failed");
  EXPECT_EQ(word({model(ModelState::kReady), model(ModelState::kLoading, false)}), "ok");
}

TEST(Health, AnotherTryIsNoStart) {
  ModelStatus again = model(ModelState::kLoading);
  again.retrying = true;
  EXPECT_EQ(word({model(ModelState::kReady), again}), "degraded");
  EXPECT_TRUE(health_of({model(ModelState::kReady), again}).ready);
}

}  // namespace
}  // namespace anynpu::server
