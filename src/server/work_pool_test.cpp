// SPDX-License-Identifier: Apache-2.0
#include "server/work_pool.h"

#include <atomic>
#include <future>
#include <new>
#include <stdexcept>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace anynpu::server {
namespace {

// Holds the only thread of a pool until it is let go.
struct Plug {
  explicit Plug(WorkPool& pool) {
    auto open = released.get_future().share();
    EXPECT_TRUE(pool.post(Work::kFinish, [this, open] {
      entered.set_value();
      open.wait();
    }));
    entered.get_future().wait();
  }
  std::promise<void> entered, released;
};

TEST(WorkPool, RefusesWhenTooManyWait) {
  WorkPool pool(1, 2);
  Plug plug(pool);
  std::atomic<int> done = 0;
  EXPECT_TRUE(pool.post(Work::kStart, [&] { ++done; }));
  EXPECT_TRUE(pool.post(Work::kStart, [&] { ++done; }));
  auto refused = pool.post(Work::kStart, [&] { ++done; });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kBusy);
  EXPECT_TRUE(pool.post(Work::kFinish, [&] { ++done; })) << "what was accepted is finished";
  EXPECT_EQ(pool.waiting(), 3U);
  plug.released.set_value();
  while (done < 3) std::this_thread::yield();
}

TEST(WorkPool, FinishingGoesFirst) {
  std::string order;
  {
    WorkPool pool(1, 8);
    Plug plug(pool);
    EXPECT_TRUE(pool.post(Work::kStart, [&] { order += 's'; }));
    EXPECT_TRUE(pool.post(Work::kFinish, [&] { order += 'f'; }));
    plug.released.set_value();
  }
  EXPECT_EQ(order, "fs") << "and the end of a pool runs what waits";
}

TEST(WorkPool, AJobThatThrowsEndsNothingElse) {
  std::atomic<int> done = 0;
  {
    WorkPool pool(1, 8);
    EXPECT_TRUE(pool.post(Work::kStart, [] { throw std::bad_alloc(); }));
    EXPECT_TRUE(pool.post(Work::kStart, [&] { ++done; }));
  }
  EXPECT_EQ(done, 1);
}

TEST(WorkPool, CoroutinesWaitForTheirJob) {
  WorkPool pool(2, 8);
  asio::io_context loop;
  int answer = 0;
  Result<> first, second;
  asio::co_spawn(
      loop,
      [&]() -> asio::awaitable<void> {
        std::function<void()> job = [&] { answer = 42; };
        first = co_await pool.run(Work::kStart, job);
        std::function<void()> broken = [] { throw std::runtime_error("broken"); };
        second = co_await pool.run(Work::kStart, broken);
      },
      asio::detached);
  loop.run();
  EXPECT_TRUE(first);
  EXPECT_EQ(answer, 42);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, "broken");
}

}  // namespace
}  // namespace anynpu::server
