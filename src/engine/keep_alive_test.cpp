// SPDX-License-Identifier: Apache-2.0
#include "engine/keep_alive.h"

#include <atomic>

#include <gtest/gtest.h>

namespace anynpu::engine {
namespace {

/// Waits as long as it takes: a test on a busy machine is slow, not wrong.
void wait_for(const std::atomic<int>& count, int least) {
  while (count < least) std::this_thread::sleep_for(milliseconds(1));
}

TEST(KeepAlive, TouchesOnlyWhatHasBeenUsed) {
  std::atomic<int> touched = 0;
  KeepAlive keeper([&] { ++touched; }, milliseconds(1), seconds(3600));
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(touched, 0);
  { const KeepAlive::Use use(keeper); }
  wait_for(touched, 3);
}

TEST(KeepAlive, NeverWhileInUse) {
  std::atomic<int> touched = 0;
  KeepAlive keeper([&] { ++touched; }, milliseconds(1), seconds(3600));
  { const KeepAlive::Use use(keeper); }
  wait_for(touched, 1);
  const KeepAlive::Use use(keeper);
  const int before = touched;
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(touched, before);
}

TEST(KeepAlive, LetsGoAfterAWhileAndComesBackWithTheNextUse) {
  std::atomic<int> touched = 0;
  KeepAlive keeper([&] { ++touched; }, milliseconds(1), milliseconds(50));
  { const KeepAlive::Use use(keeper); }
  wait_for(touched, 1);
  int before = -1;
  while (before != touched) {  // until it has let go
    before = touched;
    std::this_thread::sleep_for(milliseconds(100));
  }
  { const KeepAlive::Use use(keeper); }
  wait_for(touched, before + 1);
}

TEST(KeepAlive, NothingIsKeptForNoTime) {
  std::atomic<int> touched = 0;
  KeepAlive keeper([&] { ++touched; }, milliseconds(1), Duration::zero());
  { const KeepAlive::Use use(keeper); }
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(touched, 0);
}

}  // namespace
}  // namespace anynpu::engine
