// SPDX-License-Identifier: Apache-2.0
// A call that blocks costs its limit, and nothing else.
#include "host/bounded.h"

#include <atomic>
#include <memory>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace anynpu::host {
namespace {

TEST(BoundedTest, CallsEnd) {
  Bounded bounded(seconds(60));
  int value = 0;
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(bounded.run([&] { ++value; }));
  EXPECT_EQ(value, 1000);
}

TEST(BoundedTest, ABlockedCallIsLeftBehind) {
  Bounded bounded(milliseconds(50));
  auto released = std::make_shared<std::atomic<bool>>(false);
  EXPECT_FALSE(bounded.run([released] {
    while (!*released) std::this_thread::sleep_for(milliseconds(5));
  }));
  Bounded patient(seconds(60));
  EXPECT_TRUE(patient.run([] {}));
  *released = true;
}

TEST(BoundedTest, AfterManyLossesNoneIsTried) {
  Bounded bounded(milliseconds(1));
  auto released = std::make_shared<std::atomic<bool>>(false);
  auto block = [released] {
    while (!*released) std::this_thread::sleep_for(milliseconds(5));
  };
  for (int i = 0; i < 8; ++i) EXPECT_FALSE(bounded.run(block));
  bool ran = false;
  EXPECT_FALSE(bounded.run([&] { ran = true; }));
  EXPECT_FALSE(ran);
  *released = true;
}

TEST(BoundedTest, WorksInAForkOfAProcessThatUsedIt) {
  Bounded bounded(seconds(60));
  ASSERT_TRUE(bounded.run([] {}));
  pid_t child = ::fork();
  if (child == 0) ::_exit(bounded.run([] {}) ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace anynpu::host
