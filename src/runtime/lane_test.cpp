// SPDX-License-Identifier: Apache-2.0
// Lanes over workers that do what no real one can be made to do.
#include "runtime/lane.h"

#include <algorithm>
#include <cstring>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/spread.h"

namespace anynpu::runtime {
namespace {

using ::testing::HasSubstr;

TEST(Patience, GrowsWithWhatIsUsualUpToALimit) {
  const Duration least = seconds(2);
  EXPECT_EQ(patience_for(least, 0), least);
  EXPECT_EQ(patience_for(least, 10), least) << "50 medians are less";
  EXPECT_EQ(patience_for(least, 100), seconds(5));
  EXPECT_EQ(patience_for(least, 1000), seconds(10)) << "50 s would be too long";
  EXPECT_EQ(patience_for(least, 4000), seconds(20)) << "5 medians of what is slow by nature";
  EXPECT_EQ(patience_for(seconds(60), 1000), seconds(60)) << "the user knows better";
}

TEST(Pause, IsShortAfterACrashAndGrowsForWhatCannotBeStarted) {
  EXPECT_EQ(pause_after(1, true), Duration::zero());
  EXPECT_EQ(pause_after(2, false), milliseconds(100));
  EXPECT_EQ(pause_after(3, false), milliseconds(200));
  EXPECT_EQ(pause_after(1000, true), milliseconds(500)) << "requests may wait";
  EXPECT_EQ(pause_after(1000, false), seconds(30));
}

/// A process that leads a group of its own, as workers do.
class Holder {
 public:
  Holder() : pid_(::fork()) {
    if (pid_ == 0) {
      ::pause();
      ::_exit(0);
    }
    ::setpgid(pid_, pid_);
  }
  ~Holder() { end(); }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

/// One float in, one float out. It hangs in the kernel when it has a holder: nothing ends it.
class OddWorker : public Worker {
 public:
  explicit OddWorker(pid_t holder) : holder_(holder) {
    info_.inputs = info_.outputs = {{"x", engine::DType::kFloat32, {1}}};
  }
  const engine::SessionInfo& session() const override { return info_; }
  Result<std::vector<std::span<std::byte>>> prepare(const std::vector<InputSize>&) override {
    return std::vector<std::span<std::byte>>{bytes_};
  }
  Result<RunOutput> run(TimePoint) override {
    if (holder_ != 0) return Error{Code::kTimeout, "no answer"};
    RunOutput output;
    output.outputs.push_back({{1}, bytes_});
    return output;
  }
  bool end(bool) override { return holder_ == 0; }
  std::string obituary(Duration) override { return "still running"; }
  pid_t pid() const override { return holder_; }

 private:
  pid_t holder_;
  engine::SessionInfo info_;
  std::vector<std::byte> bytes_ = std::vector<std::byte>(sizeof(float));
};

class One : public InputSource {
  Result<engine::Shape> shape(std::size_t, const engine::TensorInfo&) const override {
    return engine::Shape{1};
  }
  Result<> write(std::size_t, const engine::TensorInfo&, std::span<std::byte>) const override {
    return {};
  }
};

Trial trial_of(const std::string& device, const std::string& family, pid_t holder) {
  Trial trial;
  trial.candidate.placement.device = device;
  trial.candidate.placement.family = family;
  trial.candidate.measured = Measured{};
  trial.worker = std::make_unique<OddWorker>(holder);
  return trial;
}

void stop(Queue& queue) {
  const std::lock_guard lock(queue.mutex);
  queue.stopping = true;
  queue.wake_all();
}

TEST(Lane, AWorkerThatCannotBeEndedIsReportedAndItsDeviceGivenUp) {
  Holder holder;
  Queue queue(10);
  const One canary;
  const model::Package package;
  const ServeOptions options;
  Counters counters;
  QuarantineRules rules;
  rules.first_pause = milliseconds(1);
  Quarantine quarantine(rules);
  const LaneShared shared{queue, package, canary, options, counters, quarantine};
  auto npu = std::make_unique<Lane>(shared, 0, trial_of("npu0", "rknpu", holder.pid()), false);
  auto cpu = std::make_unique<Lane>(shared, 1, trial_of("cpu", "cpu", 0), false);

  std::promise<Result<Reply>> answered;
  auto job = std::make_shared<Job>();
  job->request.input = std::make_shared<One>();
  job->done = [&](Result<Reply> reply) { answered.set_value(std::move(reply)); };
  Wakes wakes;
  {
    const std::lock_guard lock(queue.mutex);
    ASSERT_TRUE(queue.accept(job, wakes));
    ++counters.in_flight;
  }
  for (const auto& wake : wakes) wake->notify_one();
  auto reply = answered.get_future().get();
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->device, "cpu");
  EXPECT_THAT(reply->fallback.value_or(""), HasSubstr("did not answer within"));

  const auto circuit = [&] {
    const auto all = quarantine.status();
    return all.empty() ? DeviceCircuit() : all[0];
  };
  while (circuit().stuck == 0) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(circuit().stuck, holder.pid());
  EXPECT_THAT(circuit().reason, HasSubstr("hangs in the kernel and cannot be ended"));
  EXPECT_EQ(to_json(circuit())["stuck_worker"], holder.pid());
  // Long after the pause nobody has tried the device again.
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(circuit().opened, 1U);
  EXPECT_EQ(circuit().circuit, Circuit::kOpen);

  holder.end();
  // Then it is tried; here nothing can be started on it, which opens the circuit once more.
  while (circuit().opened < 2) std::this_thread::sleep_for(milliseconds(1));
  stop(queue);
  npu->join();
  cpu->join();
  const std::lock_guard lock(queue.mutex);
  queue.remove_seats();
}

TEST(Lane, AWorkerThatCannotBeEndedAtTheEndIsKeptAndItsDeviceGivenUp) {
  Holder holder;
  Queue queue(10);
  const One canary;
  const model::Package package;
  const ServeOptions options;
  Counters counters;
  Quarantine quarantine;
  const LaneShared shared{queue, package, canary, options, counters, quarantine};
  Lane npu(shared, 0, trial_of("npu0", "rknpu", holder.pid()), false);
  stop(queue);
  npu.join();
  ASSERT_EQ(quarantine.status().size(), 1U);
  EXPECT_EQ(quarantine.status()[0].stuck, holder.pid());
}

TEST(Spread, AWorkerThatFailsIsEndedAndLeavesItsDeviceInQuarantine) {
  Holder holder;
  const One canary;
  ServeOptions options;
  options.quarantine = std::make_shared<Quarantine>();
  Trial trial = trial_of("npu0", "rknpu", holder.pid());
  trial.candidate.placement.cores = 3;
  EXPECT_TRUE(spread(trial, canary, options).empty());
  EXPECT_EQ(trial.worker, nullptr) << "it owes an answer";
  EXPECT_FALSE(options.quarantine->closed("npu0"));
  EXPECT_EQ(options.quarantine->status().at(0).stuck, holder.pid());
  EXPECT_EQ(trial.candidate.measured->workers, 1);
}

/// Runs together what it gets, each input its own output; or hangs, and is ended when it may.
class BatchWorker : public Worker {
 public:
  struct Script {
    bool hangs = false;
    float refused = -1;             // a run with this among its inputs is an error
    std::vector<std::size_t> runs;  // how many inputs were in each
    std::promise<void> ending;
    std::promise<void> may_end;
  };
  explicit BatchWorker(Script& script) : script_(script) {
    info_.inputs = info_.outputs = {{"x", engine::DType::kFloat32, {1}}};
    info_.batchable = true;
  }
  const engine::SessionInfo& session() const override { return info_; }
  Result<std::vector<std::span<std::byte>>> prepare(const std::vector<InputSize>& sizes) override {
    bytes_.resize(sizes[0].bytes);
    return std::vector<std::span<std::byte>>{bytes_};
  }
  Result<RunOutput> run(TimePoint) override {
    if (script_.hangs) return Error{Code::kTimeout, "no answer"};
    std::vector<float> values(bytes_.size() / sizeof(float));
    std::memcpy(values.data(), bytes_.data(), bytes_.size());
    script_.runs.push_back(values.size());
    if (std::find(values.begin(), values.end(), script_.refused) != values.end())
      return Error{Code::kInvalid, "an index is out of range"};
    RunOutput output;
    output.outputs.push_back({{static_cast<std::int64_t>(bytes_.size() / sizeof(float))}, bytes_});
    return output;
  }
  bool end(bool) override {
    if (std::exchange(script_.hangs, false)) {
      script_.ending.set_value();
      script_.may_end.get_future().wait();
    }
    return true;
  }
  std::string obituary(Duration) override { return "still running"; }

 private:
  Script& script_;
  engine::SessionInfo info_;
  std::vector<std::byte> bytes_;
};

class Unwritable : public One {
  Result<> write(std::size_t, const engine::TensorInfo&, std::span<std::byte>) const override {
    return Error{Code::kInvalid, "this input is broken"};
  }
};

class NumberSource : public InputSource {
 public:
  NumberSource(engine::Shape shape, std::vector<float> values)
      : shape_(std::move(shape)), values_(std::move(values)) {}
  Result<engine::Shape> shape(std::size_t, const engine::TensorInfo&) const override {
    return shape_;
  }
  Result<> write(std::size_t, const engine::TensorInfo&, std::span<std::byte> to) const override {
    std::memcpy(to.data(), values_.data(), to.size());
    return {};
  }

 private:
  const engine::Shape shape_;
  const std::vector<float> values_;
};

/// One lane of the CPU that may run three together.
class BatchLane {
 public:
  explicit BatchLane(Duration batch_wait, bool hangs = false) {
    options_.batch_wait = batch_wait;
    script.hangs = hangs;
    Trial trial = trial_of("cpu", "cpu", 0);
    trial.candidate.placement.artifact.max_batch = 3;
    trial.worker = std::make_unique<BatchWorker>(script);
    lane_.emplace(LaneShared{queue, package_, canary_, options_, counters_, quarantine_}, 0,
                  std::move(trial), false);
  }
  ~BatchLane() {
    stop(queue);
    lane_->join();
  }
  BatchLane(const BatchLane&) = delete;
  BatchLane& operator=(const BatchLane&) = delete;

  void submit(const std::vector<std::shared_ptr<const InputSource>>& inputs) {
    Wakes wakes;
    {
      const std::lock_guard lock(queue.mutex);
      for (const auto& input : inputs) {
        auto job = std::make_shared<Job>();
        job->request.input = input;
        job->request.deadline = Clock::now() + std::chrono::hours(2);
        job->done = [this](const Result<Reply>& reply) {
          if (reply) ++good;
          ++answered;
        };
        ASSERT_TRUE(queue.accept(job, wakes));
        ++counters_.in_flight;
      }
    }
    for (const auto& wake : wakes) wake->notify_one();
  }
  void wait_until_taken() {
    for (;; std::this_thread::sleep_for(milliseconds(1))) {
      const std::lock_guard lock(queue.mutex);
      if (queue.waiting() == 0) return;
    }
  }
  /// Of how many requests the deadline is looked after.
  std::size_t looked_after() {
    const std::lock_guard lock(queue.mutex);
    return queue.take_expired(TimePoint::max()).size();
  }

  Queue queue{10};
  BatchWorker::Script script;
  std::atomic<int> answered = 0, good = 0;

 private:
  const One canary_;
  const model::Package package_;
  ServeOptions options_;
  Counters counters_;
  Quarantine quarantine_;
  std::optional<Lane> lane_;
};

TEST(Lane, TheDeadlinesOfABatchAreKeptWhileItsWorkerIsEnded) {
  BatchLane lane(Duration::zero(), true);
  lane.submit({std::make_shared<One>(), std::make_shared<Unwritable>(), std::make_shared<One>()});
  lane.script.ending.get_future().wait();
  EXPECT_EQ(lane.looked_after(), 3U);
  lane.script.may_end.set_value();
}

TEST(Lane, WhatTheEngineRefusesDoesNotSpoilTheOthersOfItsBatch) {
  BatchLane lane(Duration::zero());
  lane.script.refused = 99;
  const auto one = [](float value) {
    return std::make_shared<NumberSource>(engine::Shape{1}, std::vector<float>{value});
  };
  lane.submit({one(1), one(99), one(2)});
  while (lane.answered < 3) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(lane.good, 2);
}

TEST(Lane, OnlyEqualShapesRunTogether) {
  BatchLane lane(Duration::zero());
  const auto numbers = [](engine::Shape shape) {
    return std::make_shared<NumberSource>(std::move(shape), std::vector<float>{1, 2});
  };
  lane.submit({numbers({1, 2}), numbers({2, 1}), numbers({1, 2})});
  while (lane.answered < 3) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(lane.good, 3);
  EXPECT_EQ(lane.script.runs, (std::vector<std::size_t>{2, 2, 2})) << "two numbers in each run";
}

TEST(BatchRule, StringsDoNotRunTogether) {
  model::Artifact artifact;
  artifact.max_batch = 8;
  engine::SessionInfo session;
  session.batchable = true;
  session.inputs = {{"x", engine::DType::kFloat32, {-1, 4}}};
  session.outputs = {{"y", engine::DType::kFloat32, {-1, 4}}};
  EXPECT_EQ(batch_rule(artifact, session).most, 8);
  session.outputs[0].type = engine::DType::kString;
  EXPECT_EQ(batch_rule(artifact, session).most, 1);
}

TEST(Lane, TheDeadlinesOfABatchAreKeptWhileItIsFilled) {
  BatchLane lane(std::chrono::hours(1));
  lane.submit({std::make_shared<One>()});
  lane.wait_until_taken();
  lane.submit({std::make_shared<One>()});
  lane.wait_until_taken();
  EXPECT_EQ(lane.looked_after(), 2U);
  lane.submit({std::make_shared<One>()});
  while (lane.answered < 3) std::this_thread::sleep_for(milliseconds(1));
}

}  // namespace
}  // namespace anynpu::runtime
