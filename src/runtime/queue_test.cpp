// SPDX-License-Identifier: Apache-2.0
#include "runtime/queue.h"

#include <gtest/gtest.h>

namespace anynpu::runtime {
namespace {

JobPtr make_job(Duration time_left = seconds(60)) {
  auto job = std::make_shared<Job>();
  job->request.deadline = Clock::now() + time_left;
  return job;
}

// A serving lane and a fallback lane, both up.
class QueueTest : public ::testing::Test {
 protected:
  QueueTest() {
    fallback.rank = 1;
    serving.state = fallback.state = LaneState::kReady;
    queue.add_seat(&serving);
    queue.add_seat(&fallback);
  }
  Result<> accept(JobPtr job) {
    wakes.clear();
    return queue.accept(std::move(job), wakes);
  }

  Queue queue{4};
  LaneSeat serving, fallback;
  Wakes wakes;  // of the last one that was accepted
};

TEST_F(QueueTest, IsBounded) {
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(accept(make_job()));
  auto refused = accept(make_job());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kBusy);
}

TEST_F(QueueTest, AnIdleLaneThatMayTakeItIsToBeWokenOnce) {
  serving.idle = fallback.idle = true;
  ASSERT_TRUE(accept(make_job()));
  EXPECT_EQ(wakes, Wakes{serving.wake});
  EXPECT_FALSE(serving.idle) << "it is on its way";
  ASSERT_TRUE(accept(make_job()));
  EXPECT_TRUE(wakes.empty()) << "the fallback does not compete with it";
}

TEST_F(QueueTest, IsIdleWhenTheLaneThatWouldTakeItIs) {
  EXPECT_FALSE(queue.idle()) << "the lane has not come for more yet";
  fallback.idle = true;
  EXPECT_FALSE(queue.idle()) << "the fallback would not take it";
  serving.idle = true;
  EXPECT_TRUE(queue.idle());
  ASSERT_TRUE(accept(make_job()));
  EXPECT_FALSE(queue.idle());
}

TEST_F(QueueTest, GivesTheOldestFirstAndBatches) {
  std::vector<JobPtr> jobs;
  for (int i = 0; i < 3; ++i) {
    jobs.push_back(make_job());
    ASSERT_TRUE(accept(jobs.back()));
  }
  EXPECT_EQ(queue.take(0, 2), (std::vector<JobPtr>{jobs[0], jobs[1]}));
  EXPECT_EQ(queue.take(0, 2), (std::vector<JobPtr>{jobs[2]}));
}

TEST_F(QueueTest, WhatHasFailedRunsAlone) {
  std::vector<JobPtr> jobs;
  for (int i = 0; i < 4; ++i) {
    jobs.push_back(make_job());
    ASSERT_TRUE(accept(jobs.back()));
  }
  fallback.state = LaneState::kStopped;
  EXPECT_EQ(queue.take(0, 3).size(), 3U);
  for (const int i : {2, 1, 0})
    ASSERT_TRUE(queue.give_back(jobs[static_cast<std::size_t>(i)], 0, true));
  EXPECT_EQ(queue.take(0, 4), (std::vector<JobPtr>{jobs[0]}));
  EXPECT_EQ(queue.take(0, 4), (std::vector<JobPtr>{jobs[1]}));
  EXPECT_EQ(queue.take(0, 4), (std::vector<JobPtr>{jobs[2]}));
  EXPECT_EQ(queue.take(0, 4), (std::vector<JobPtr>{jobs[3]}));
}

TEST_F(QueueTest, AFallbackNeverCompetesWithAHealthyServingLane) {
  ASSERT_TRUE(accept(make_job()));
  EXPECT_TRUE(queue.take(1, 1).empty());
  serving.state = LaneState::kPaused;
  EXPECT_EQ(queue.take(1, 1).size(), 1U);
}

TEST_F(QueueTest, AFailedRequestGoesToTheNextPlacementBeforeAllOthers) {
  JobPtr first = make_job(), second = make_job();
  ASSERT_TRUE(accept(first));
  ASSERT_TRUE(accept(second));
  queue.take(0, 1);
  ASSERT_TRUE(queue.give_back(first, 0, true));
  EXPECT_EQ(queue.take(0, 2), (std::vector<JobPtr>{second}));
  EXPECT_EQ(queue.take(1, 2), (std::vector<JobPtr>{first}));
}

TEST_F(QueueTest, WithoutAnotherPlacementAnotherWorkerOfTheSameAnswers) {
  fallback.state = LaneState::kStarting;
  JobPtr job = make_job();
  ASSERT_TRUE(accept(job));
  queue.take(0, 1);
  ASSERT_TRUE(queue.give_back(job, 0, true));
  EXPECT_EQ(queue.take(0, 1).size(), 1U);
}

TEST_F(QueueTest, ARequestThatEveryEngineRefusesIsNotAskedAgain) {
  JobPtr job = make_job();
  ASSERT_TRUE(accept(job));
  queue.take(0, 1);
  ASSERT_TRUE(queue.give_back(job, 0, false));
  queue.take(1, 1);
  EXPECT_FALSE(queue.give_back(job, 1, false));
}

TEST_F(QueueTest, ARequestThatEndsWorkerAfterWorkerIsGivenUp) {
  JobPtr job = make_job();
  ASSERT_TRUE(accept(job));
  int rounds = 0;
  while (true) {
    std::size_t rank = queue.take(0, 1).empty() ? 1 : 0;
    if (rank == 1) {
      ASSERT_EQ(queue.take(1, 1).size(), 1U);
    }
    ++rounds;
    if (!queue.give_back(job, rank, true)) break;
    ASSERT_LT(rounds, 100);
  }
  EXPECT_GT(rounds, 2);
  EXPECT_EQ(queue.waiting(), 0U);
}

TEST_F(QueueTest, ExpiredAndCancelledRequestsAreFound) {
  JobPtr late = make_job(milliseconds(-1)), gone = make_job(), fine = make_job(),
         running = make_job(milliseconds(-1));
  gone->request.cancelled = std::make_shared<std::atomic<bool>>(true);
  ASSERT_TRUE(accept(late));
  ASSERT_TRUE(accept(gone));
  ASSERT_TRUE(accept(fine));
  serving.running.push_back(running);
  EXPECT_TRUE(queue.take(0, 8) == (std::vector<JobPtr>{late, fine}))
      << "a cancelled request is not run";
  ASSERT_TRUE(queue.give_back(late, 1, true));
  EXPECT_EQ(queue.take_expired(Clock::now()), (std::vector<JobPtr>{late, gone, running}));
  EXPECT_EQ(queue.waiting(), 0U);
}

TEST_F(QueueTest, AColdRankStartsWhenAllBelowFailAgainAndAgain) {
  EXPECT_FALSE(queue.lower_ranks_fail(2));
  serving.state = fallback.state = LaneState::kPaused;
  EXPECT_FALSE(queue.lower_ranks_fail(2));
  serving.consecutive_failures = fallback.consecutive_failures = 2;
  EXPECT_TRUE(queue.lower_ranks_fail(2));
}

}  // namespace
}  // namespace anynpu::runtime
