// SPDX-License-Identifier: Apache-2.0
// A served model over real worker processes: what it answers, and what it does when they are
// killed, stopped, or answer wrongly.
#include "runtime/served_model.h"

#include <cstring>
#include <future>
#include <new>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "runtime/choose.h"
#include "server_process.h"
#include "tiny_package.h"
#include "worker_runner.h"

namespace anynpu::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kSoon = seconds(60);  // under an emulator on a busy machine, too

ServeOptions quick_options() {
  ServeOptions options;
  options.instances = 1;
  options.hang_limit = seconds(20);  // a busy machine is no hang
  return options;
}

std::unique_ptr<ServedModel> start(const TinyPackage& package,
                                   const ServeOptions& options = quick_options()) {
  auto model = ServedModel::start(package.package(), 1,
                                  std::make_shared<FloatSource>(package.canary()), options);
  EXPECT_TRUE(model) << model.error().message;
  return model ? std::move(*model) : nullptr;
}

Request request_of(std::vector<float> values) {
  Request request;
  request.input = std::make_shared<FloatSource>(std::move(values));
  request.deadline = Clock::now() + kSoon;
  return request;
}

std::vector<float> floats_of(const Result<Reply>& reply) {
  EXPECT_TRUE(reply) << reply.error().message;
  if (!reply) return {};
  auto values = engine::to_floats(reply->outputs.at(0));
  return values ? *values : std::vector<float>{};
}

// The worker that serves now; waits until there is one.
pid_t serving_worker(const ServedModel& model, std::size_t index = 0) {
  for (TimePoint end = Clock::now() + kSoon; Clock::now() < end;
       std::this_thread::sleep_for(milliseconds(5)))
    if (auto instances = model.instances(); instances.at(index).state == "ready")
      return instances[index].pid;
  ADD_FAILURE() << "no worker became ready";
  return 0;
}

TEST(ServedModel, AnswersAndSaysWhere) {
  TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  auto model = start(package);
  ASSERT_TRUE(model);
  Result<Reply> reply = model->infer(request_of({1, 2, 3, 4}));
  EXPECT_THAT(floats_of(reply), ElementsAre(2, 4, 6, 8));
  EXPECT_EQ(reply->device, "cpu");
  EXPECT_THAT(reply->engine, HasSubstr("tflite"));
  EXPECT_EQ(reply->artifact, "model.tflite");
  EXPECT_FALSE(reply->fallback);
  EXPECT_EQ(reply->attempts, 1);
  EXPECT_GE(model->placements().ranked.size(), 2U) << "XNNPACK and plain are two placements";
  EXPECT_FALSE(model->placements().no_npu.empty());
  Json json = to_json(*model);
  EXPECT_EQ(json["counters"]["answered"], 1);
  EXPECT_EQ(json["placement"]["ranked"][0]["device"], "cpu");
}

TEST(ServedModel, ServesInThisProcessToo) {
  TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  ServeOptions options = quick_options();
  options.isolated = false;
  auto model = start(package, options);
  ASSERT_TRUE(model);
  EXPECT_THAT(floats_of(model->infer(request_of({1, 2, 3, 4}))), ElementsAre(2, 4, 6, 8));
  EXPECT_EQ(model->instances()[0].pid, 0);
}

TEST(ServedModel, AKilledWorkerIsReplacedBeforeItCostsARequest) {
  TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  auto model = start(package);
  ASSERT_TRUE(model);
  pid_t first = serving_worker(*model);
  ::kill(first, SIGKILL);
  EXPECT_THAT(floats_of(model->infer(request_of({1, 1, 1, 1}))), ElementsAre(2, 2, 2, 2));
  for (TimePoint end = Clock::now() + kSoon;
       Clock::now() < end && model->instances()[0].restarts == 0;)
    std::this_thread::sleep_for(milliseconds(5));
  EXPECT_NE(serving_worker(*model), first);
  EXPECT_THAT(model->instances()[0].last_error, HasSubstr("signal 9"));
}

TEST(ServedModel, AHangIsAnsweredByTheNextPlacementAndTheReplySaysSo) {
  TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  ServeOptions options = quick_options();
  options.hang_limit = seconds(2);
  auto model = start(package, options);
  ASSERT_TRUE(model);
  pid_t stopped = serving_worker(*model);
  serving_worker(*model, 1);
  ::kill(stopped, SIGSTOP);
  Result<Reply> reply = model->infer(request_of({1, 2, 3, 4}));
  EXPECT_THAT(floats_of(reply), ElementsAre(2, 4, 6, 8));
  ASSERT_TRUE(reply->fallback);
  EXPECT_THAT(*reply->fallback, HasSubstr("did not answer within"));
  EXPECT_EQ(reply->attempts, 2);
  EXPECT_NE(reply->engine, model->placements().ranked[0].placement.engine_title());
  EXPECT_NE(serving_worker(*model), stopped);
  EXPECT_NE(::kill(stopped, 0), 0) << "the hanging worker was not ended";
}

TEST(ServedModel, LosesNothingWhileEveryWorkerIsKilledAgainAndAgain) {
  TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  ServeOptions options = quick_options();
  options.instances = 2;
  auto model = start(package, options);
  ASSERT_TRUE(model);
  constexpr int kKills = 30;
  std::atomic<int> killed = 0, asked = 0, right = 0;
  std::thread killer([&] {
    for (std::size_t i = 0; killed < kKills; ++i) {
      auto instances = model->instances();
      if (pid_t pid = instances[i % instances.size()].pid; pid > 0 && ::kill(pid, SIGKILL) == 0)
        ++killed;
      std::this_thread::sleep_for(milliseconds(5));
    }
  });
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      while (killed < kKills) {
        auto value = static_cast<float>(++asked);
        right += floats_of(model->infer(request_of({value, 0, 0, 1}))) ==
                         std::vector<float>{2 * value, 0, 0, 2}
                     ? 1
                     : 0;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  killer.join();
  EXPECT_GT(asked, 0);
  EXPECT_EQ(right, asked);
  EXPECT_EQ(model->counters().failed, 0U);
  EXPECT_GT(model->counters().worker_restarts, 0U);
}

TEST(ServedModel, LeavesNothingBehind) {
  TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  start(package);  // what is opened once and kept: libraries, the log
  test::Holdings before = test::holdings_of(::getpid());
  ServeOptions options = quick_options();
  options.hang_limit = seconds(1);
  for (int cycle = 0; cycle < 3; ++cycle) {
    auto model = start(package, options);
    ASSERT_TRUE(model);
    for (int i = 0; i < 4; ++i) {
      ::kill(serving_worker(*model), i % 2 == 0 ? SIGKILL : SIGSTOP);
      EXPECT_THAT(floats_of(model->infer(request_of({1, 1, 1, 1}))), ElementsAre(2, 2, 2, 2));
    }
  }
  test::Holdings after = test::holdings_of(::getpid());
  // The kernel still lists a thread for a moment after it was joined.
  for (const TimePoint end = Clock::now() + kSoon;
       after.threads > before.threads && Clock::now() < end; after = test::holdings_of(::getpid()))
    std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(after.descriptors, before.descriptors);
  EXPECT_LE(after.threads, before.threads);
  EXPECT_EQ(after.children, before.children);
  EXPECT_EQ(after.shared_maps, before.shared_maps);
}

TEST(ServedModel, APlacementThatDisagreesOnTheCanaryDoesNotServe) {
  TinyPackage package(
      {{"right.tflite", TinyModel::kDouble}, {"wrong.tflite", TinyModel::kMinusHundred}});
  auto model = start(package);
  ASSERT_TRUE(model);
  for (const Candidate& candidate : model->placements().ranked)
    EXPECT_EQ(candidate.placement.artifact.file, "right.tflite");
  ASSERT_FALSE(model->placements().rejected.empty());
  EXPECT_THAT(model->placements().rejected[0].rejected, HasSubstr("disagrees with the reference"));
  ASSERT_TRUE(model->placements().rejected[0].measured);
  EXPECT_LT(model->placements().rejected[0].measured->cosine, 0.9);
}

TEST(ServedModel, WhenNothingCanServeTheErrorNamesEveryReason) {
  TinyPackage package({{"broken.tflite", TinyModel::kBroken}});
  auto model = ServedModel::start(package.package(), 1,
                                  std::make_shared<FloatSource>(package.canary()), quick_options());
  ASSERT_FALSE(model);
  EXPECT_THAT(model.error().message, HasSubstr("broken.tflite"));
  ServeOptions options = quick_options();
  options.policy = Policy::kNpuRequired;
  TinyPackage fine({{"model.tflite", TinyModel::kDouble}});
  auto required =
      ServedModel::start(fine.package(), 1, std::make_shared<FloatSource>(fine.canary()), options);
  ASSERT_FALSE(required);
  EXPECT_THAT(required.error().message, HasSubstr("npu-required"));
  EXPECT_THAT(required.error().hint, HasSubstr("npu-preferred"));
}

TEST(ServedModel, BatchesWhatWaitsAndGivesEachItsOwnAnswer) {
  TinyPackage package({{"model.tflite", TinyModel::kDouble}}, /*max_batch=*/8);
  ServeOptions options = quick_options();
  options.batch_wait = milliseconds(50);
  auto model = start(package, options);
  ASSERT_TRUE(model);
  std::vector<std::future<Result<Reply>>> answers;
  for (int i = 0; i < 32; ++i) {
    auto promise = std::make_shared<std::promise<Result<Reply>>>();
    answers.push_back(promise->get_future());
    model->submit(request_of({static_cast<float>(i), 0, 0, 0}),
                  [promise](Result<Reply> reply) { promise->set_value(std::move(reply)); });
  }
  int largest = 0;
  for (int i = 0; i < 32; ++i) {
    Result<Reply> reply = answers[static_cast<std::size_t>(i)].get();
    EXPECT_THAT(floats_of(reply), ElementsAre(2.F * static_cast<float>(i), 0, 0, 0));
    largest = std::max(largest, reply ? reply->batch : 0);
  }
  EXPECT_GT(largest, 1);
  EXPECT_LT(model->counters().batches, 32U);
}

TEST(ServedModel, OneBadInputDoesNotSpoilTheOthersOfItsBatch) {
  TinyPackage package({{"model.tflite", TinyModel::kDouble}}, /*max_batch=*/4);
  ServeOptions options = quick_options();
  options.batch_wait = milliseconds(50);
  auto model = start(package, options);
  ASSERT_TRUE(model);
  std::vector<std::future<Result<Reply>>> answers;
  for (int i = 0; i < 4; ++i) {
    auto promise = std::make_shared<std::promise<Result<Reply>>>();
    answers.push_back(promise->get_future());
    Request request = request_of({1, 2, 3, 4});
    if (i == 2) request.input = std::make_shared<BrokenSource>();
    model->submit(std::move(request),
                  [promise](Result<Reply> reply) { promise->set_value(std::move(reply)); });
  }
  for (int i = 0; i < 4; ++i) {
    Result<Reply> reply = answers[static_cast<std::size_t>(i)].get();
    if (i == 2) {
      ASSERT_FALSE(reply);
      EXPECT_EQ(reply.error().code, Code::kInvalid);
    } else {
      EXPECT_THAT(floats_of(reply), ElementsAre(2, 4, 6, 8));
    }
  }
  EXPECT_EQ(model->counters().worker_restarts, 0U);
}

TEST(ServedModel, AFullQueueAndADeadlineAreClearErrors) {
  TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  ServeOptions options = quick_options();
  options.queue_limit = 1;
  options.hang_limit = kSoon;
  auto model = start(package, options);
  ASSERT_TRUE(model);
  ::kill(serving_worker(*model), SIGSTOP);
  std::promise<Code> first, second;
  auto code_into = [](std::promise<Code>& promise) {
    return [&promise](Result<Reply> reply) {
      promise.set_value(reply ? Code::kInternal : reply.error().code);
    };
  };
  Request short_lived = request_of({1, 2, 3, 4});
  short_lived.deadline = Clock::now() + seconds(3);
  model->submit(short_lived, code_into(first));  // runs, for ever
  while (model->counters().queued > 0) std::this_thread::sleep_for(milliseconds(1));
  model->submit(short_lived, code_into(second));  // waits
  Result<Reply> third = model->infer(short_lived);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Code::kBusy);
  EXPECT_FALSE(third.error().hint.empty());
  EXPECT_EQ(first.get_future().get(), Code::kTimeout);
  EXPECT_EQ(second.get_future().get(), Code::kTimeout);
}

TEST(ServedModel, ACallerThatGoesAwayIsDropped) {
  TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  ServeOptions options = quick_options();
  options.hang_limit = kSoon;
  auto model = start(package, options);
  ASSERT_TRUE(model);
  ::kill(serving_worker(*model), SIGSTOP);
  model->submit(request_of({1, 2, 3, 4}), [](const Result<Reply>&) {});
  while (model->counters().queued > 0) std::this_thread::sleep_for(milliseconds(1));
  Request request = request_of({1, 2, 3, 4});
  request.cancelled = std::make_shared<std::atomic<bool>>(false);
  auto cancelled = request.cancelled;
  std::promise<Code> code;
  model->submit(std::move(request), [&](Result<Reply> reply) {
    code.set_value(reply ? Code::kInternal : reply.error().code);
  });
  *cancelled = true;
  EXPECT_EQ(code.get_future().get(), Code::kCancelled);
}

TEST(ServedModel, ADrainAnswersWhatWasAcceptedAndTakesNoMore) {
  TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  auto model = start(package);
  ASSERT_TRUE(model);
  std::atomic<int> right = 0;
  for (int i = 0; i < 50; ++i)
    model->submit(request_of({1, 2, 3, 4}),
                  [&](const Result<Reply>& reply) { right += reply.has_value() ? 1 : 0; });
  model->drain(Clock::now() + kSoon);
  EXPECT_EQ(right, 50);
  Result<Reply> late = model->infer(request_of({1, 2, 3, 4}));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kCancelled);
}

TEST(ServedModel, AStartIsBrokenOff) {
  TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  const auto stop = std::make_shared<std::atomic<bool>>(false);
  ServeOptions options = quick_options();
  options.stop = stop;
  const test::WorkerRunner endless(test::kEndlessLoad);
  auto starting = std::async(std::launch::async, [&] {
    return ServedModel::start(package.package(), 1, std::make_shared<FloatSource>(package.canary()),
                              options);
  });
  *stop = true;
  const auto model = starting.get();
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Code::kCancelled);
}

TEST(ServedModel, ADrainDoesNotWaitForWorkersThatLoad) {
  TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  auto model = start(package);
  ASSERT_TRUE(model);
  const pid_t first = serving_worker(*model);
  const test::WorkerRunner endless(test::kEndlessLoad);
  ::kill(first, SIGKILL);
  while (model->instances()[0].restarts == 0) std::this_thread::sleep_for(milliseconds(1));
  const TimePoint begin = Clock::now();
  model->drain(begin);
  EXPECT_LT(Clock::now() - begin, kLoadLimit);
}

TEST(ServedModel, ALaterDrainBringsTheDeadlineForward) {
  TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  ServeOptions options = quick_options();
  options.hang_limit = std::chrono::hours(1);
  auto model = start(package, options);
  ASSERT_TRUE(model);
  ::kill(serving_worker(*model), SIGSTOP);
  std::promise<Result<Reply>> answered;
  Request request = request_of({1, 2, 3, 4});
  request.deadline = Clock::now() + std::chrono::hours(1);
  model->submit(std::move(request),
                [&](Result<Reply> reply) { answered.set_value(std::move(reply)); });
  while (model->counters().queued > 0) std::this_thread::sleep_for(milliseconds(1));
  auto patient =
      std::async(std::launch::async, [&] { model->drain(Clock::now() + std::chrono::hours(1)); });
  std::atomic<bool> refused = false;
  while (!refused) {
    model->submit(request_of({1, 2, 3, 4}), [&](const Result<Reply>&) { refused = true; });
    std::this_thread::sleep_for(milliseconds(1));
  }
  model->drain(Clock::now());
  patient.get();
  EXPECT_FALSE(answered.get_future().get());
}

/// For which there is no memory.
class HugeSource : public FloatSource {
 public:
  HugeSource() : FloatSource({0, 0, 0, 0}) {}
  Result<> write(std::size_t, const engine::TensorInfo&, std::span<std::byte>) const override {
    throw std::bad_alloc();
  }
};

TEST(ServedModel, AnExceptionIsTheErrorOfOneRequest) {
  TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  auto model = start(package);
  ASSERT_TRUE(model);
  Request request = request_of({1, 2, 3, 4});
  request.input = std::make_shared<HugeSource>();
  const auto reply = model->infer(std::move(request));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::kInternal);
  model->submit(request_of({1, 2, 3, 4}), [](const Result<Reply>&) { throw std::bad_alloc(); });
  EXPECT_THAT(floats_of(model->infer(request_of({1, 2, 3, 4}))), ElementsAre(2, 4, 6, 8));
  EXPECT_EQ(model->counters().worker_restarts, 0U);
}

TEST(ServedModel, CanBeStoppedWhileWorkersStart) {
  TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  ServeOptions options = quick_options();
  options.instances = 4;
  for (int i = 0; i < 5; ++i) {
    auto model = start(package, options);
    ASSERT_TRUE(model);
    std::this_thread::sleep_for(milliseconds(7 * i));
  }
}

TEST(ServedModel, OutputsLargerThanExpectedAreFetched) {
  TinyPackage package({{"model.tflite", TinyModel::kDouble}}, 1, /*width=*/100'000);
  auto model = start(package);
  ASSERT_TRUE(model);
  std::vector<float> values(100'000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 1000);
  std::vector<float> answer = floats_of(model->infer(request_of(values)));
  ASSERT_EQ(answer.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(answer[i], 2 * values[i]);
}

}  // namespace
}  // namespace anynpu::runtime
