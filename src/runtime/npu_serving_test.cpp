// SPDX-License-Identifier: Apache-2.0
// Serving on an NPU that fails in every way: over the simulated Teflon, in real worker processes.
#include <cstdio>
#include <fstream>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "runtime/served_model.h"
#include "server_process.h"
#include "temporary_folder.h"
#include "tiny_npu_package.h"

namespace anynpu::runtime {
namespace {

using test::BytesSource;
using test::random_bytes;
using test::TinyNet;
using ::testing::HasSubstr;

constexpr auto kPatience = seconds(60);

class NpuServing : public ::testing::Test {
 protected:
  NpuServing() {
    QuarantineRules rules;
    rules.first_pause = milliseconds(20);
    rules.longest_pause = milliseconds(200);
    options_.quarantine = std::make_shared<Quarantine>(rules);
    options_.devices = {test::simulated_rocket()};
    options_.hang_limit = milliseconds(1500);
    options_.instances = 1;
  }

  std::unique_ptr<ServedModel> start() {
    canary_ = std::make_shared<BytesSource>(random_bytes(999, package_.input_bytes()));
    auto model = ServedModel::start(package_.package(), 1, canary_, options_);
    EXPECT_TRUE(model) << model.error().message;
    return model ? std::move(*model) : nullptr;
  }

  /// One request with an input of its own; the answer must be right.
  Reply ask(ServedModel& model) {
    const std::vector<std::byte> input = random_bytes(++seed_, package_.input_bytes());
    Request request;
    request.input = std::make_shared<BytesSource>(input);
    request.deadline = Clock::now() + kPatience;
    auto reply = model.infer(std::move(request));
    EXPECT_TRUE(reply) << reply.error().message;
    if (!reply) return {};
    EXPECT_TRUE(package_.right(input, *reply)) << "on " << reply->device;
    return std::move(*reply);
  }

  /// Asks until the device answers again.
  bool comes_back(ServedModel& model) {
    for (const TimePoint end = Clock::now() + kPatience; Clock::now() < end;
         std::this_thread::sleep_for(milliseconds(5)))
      if (ask(model).device == "rocket0") return true;
    return false;
  }

  std::string rejection(const ServedModel& model) {
    for (const Candidate& candidate : model.placements().rejected)
      if (candidate.placement.on_npu()) return candidate.rejected;
    return "";
  }

  /// The fault strikes once: the CPU answers, rightly, and the device comes back.
  void survives(const std::string& fault, const std::string& reason) {
    auto model = start();
    ASSERT_TRUE(model);
    EXPECT_EQ(ask(*model).device, "rocket0");
    teflon_.fault(fault);
    const Reply reply = ask(*model);
    EXPECT_EQ(reply.device, "cpu");
    ASSERT_TRUE(reply.fallback);
    EXPECT_THAT(*reply.fallback, HasSubstr(reason));
    // The answer comes first, the book-keeping after it.
    while (model->circuits().empty()) std::this_thread::sleep_for(milliseconds(1));
    const auto circuits = model->circuits();
    EXPECT_EQ(circuits[0].opened, 1U);
    EXPECT_THAT(circuits[0].reason, HasSubstr(reason));
    EXPECT_TRUE(model->ready()) << "npu-preferred is ready on the CPU";
    EXPECT_TRUE(comes_back(*model));
    EXPECT_EQ(model->circuits()[0].circuit, Circuit::kClosed);
  }

  test::SimulatedTeflon teflon_;
  test::TinyNpuPackage package_;
  std::shared_ptr<BytesSource> canary_;
  ServeOptions options_;
  std::uint32_t seed_ = 0;
};

TEST_F(NpuServing, SaysHowMuchOfTheGraphTheNpuRuns) {
  auto model = start();
  ASSERT_TRUE(model);
  const Reply reply = ask(*model);
  EXPECT_EQ(reply.device, "rocket0");
  EXPECT_EQ(reply.engine, "teflon");
  EXPECT_FALSE(reply.fallback);
  EXPECT_THAT(reply.note, HasSubstr("1 of 1 operators on the NPU in 1 partition"));
  EXPECT_EQ(model->session().npu_operators, 1);
  EXPECT_TRUE(model->placements().no_npu.empty());
  EXPECT_THAT(model->placements().ranked[0].measured->note, HasSubstr("Teflon of Mesa 26.2.6"));
}

TEST_F(NpuServing, AKernelLogThatCannotBeReadIsSaid) {
  const TemporaryFolder folder;
  options_.kernel_log = folder / "kmsg";
  auto blind = [this] {
    auto model = start();
    return model ? to_json(*model)["instances"][0].value("blind", Json()) : Json("no model");
  };
  EXPECT_THAT(blind().value("message", ""), HasSubstr((folder / "kmsg").string()));
  std::ofstream(folder / "kmsg") << "6,1,1,-;a line\n";
  EXPECT_EQ(blind(), Json());
}

TEST_F(NpuServing, ADeviceThatIsNotReadyIsRejectedWithItsReason) {
  options_.devices->at(0).status = npu::Status::kUnusable;
  options_.devices->at(0).reason = "the node may not be opened";
  auto model = start();
  ASSERT_TRUE(model);
  EXPECT_EQ(ask(*model).device, "cpu");
  EXPECT_EQ(rejection(*model), "rocket0 is unusable: the node may not be opened");
}

TEST_F(NpuServing, ARejectionNamesTheFindingOfTheDoctor) {
  npu::Device& device = options_.devices->at(0);
  device.status = npu::Status::kUnusable;
  device.reason = "the node may not be opened";
  device.finding = "ROCKET-NODE-PERM";
  device.hint = "join the group render";
  auto model = start();
  ASSERT_TRUE(model);
  EXPECT_EQ(rejection(*model),
            "rocket0 is unusable: the node may not be opened [ROCKET-NODE-PERM] "
            "(join the group render)");
}

TEST_F(NpuServing, TheNodeIsLookedAtBeforeTheLibrary) {
  for (const auto& [fault, reason] :
       {std::pair{"open", "cannot open /dev/accel/accel0"},
        std::pair{"version", "does not name its driver"},
        std::pair{"other-driver", "belongs to the driver 'ethosu', not to rocket"},
        std::pair{"create", "gives no buffer"}}) {
    teflon_.fault(fault);
    options_.quarantine = std::make_shared<Quarantine>();
    auto model = start();
    ASSERT_TRUE(model);
    EXPECT_EQ(ask(*model).device, "cpu");
    const auto circuits = model->circuits();
    EXPECT_THAT(rejection(*model) + (circuits.empty() ? "" : circuits[0].reason),
                HasSubstr(reason));
  }
}

TEST_F(NpuServing, ASwallowedSubmitErrorIsSeen) {
  survives("submit:times=1", "the driver refused SUBMIT");
}

TEST_F(NpuServing, AStaleAnswerAfterATimeOutIsSeen) {
  survives("timeout:ms=500:times=1", "its answer was not right (it waited 5");
}

TEST_F(NpuServing, ACrashIsSurvived) {
  survives("crash:times=1", "signal 11");
}

TEST_F(NpuServing, AHangIsSurvived) {
  survives("hang:times=1", "did not answer within");
}

// Slow, and right all the same: confirmed, not quarantined.
TEST_F(NpuServing, ASlowAnswerThatIsRightCounts) {
  auto model = start();
  ASSERT_TRUE(model);
  ask(*model);
  teflon_.fault("slow:ms=500");
  EXPECT_EQ(ask(*model).device, "rocket0");
  EXPECT_TRUE(model->circuits().empty());
}

TEST_F(NpuServing, ADeviceThatTimesOutForEverIsNeverBelieved) {
  auto model = start();
  ASSERT_TRUE(model);
  ask(*model);
  teflon_.fault("timeout:ms=500");
  // The canary that it fails takes its time; the CPU answers meanwhile.
  for (const TimePoint end = Clock::now() + kPatience;
       options_.quarantine->closed("rocket0") && Clock::now() < end;
       std::this_thread::sleep_for(milliseconds(5)))
    EXPECT_EQ(ask(*model).device, "cpu");
  for (int i = 0; i < 6; ++i) EXPECT_EQ(ask(*model).device, "cpu");
  EXPECT_FALSE(options_.quarantine->closed("rocket0"));
  teflon_.fault("");
  EXPECT_TRUE(comes_back(*model));
}

TEST_F(NpuServing, AWrongAnswerIsFoundByTheCanary) {
  options_.canary_every = 5;
  auto model = start();
  ASSERT_TRUE(model);
  ask(*model);
  teflon_.fault("corrupt");
  for (int i = 0; i < 100 && options_.quarantine->closed("rocket0"); ++i) {
    Request request;
    request.input = std::make_shared<BytesSource>(random_bytes(++seed_));
    ASSERT_TRUE(model->infer(std::move(request)));
    std::this_thread::sleep_for(milliseconds(2));
  }
  EXPECT_FALSE(options_.quarantine->closed("rocket0"));
  EXPECT_THAT(model->circuits()[0].reason, HasSubstr("answers the canary otherwise than before"));
  EXPECT_EQ(ask(*model).device, "cpu");
  teflon_.fault("");
  EXPECT_TRUE(comes_back(*model));
}

TEST_F(NpuServing, WithNpuRequiredItIsNotReadyWhileTheDeviceIsInQuarantine) {
  options_.policy = Policy::kNpuRequired;
  auto model = start();
  ASSERT_TRUE(model);
  EXPECT_TRUE(model->ready());
  teflon_.fault("submit");
  std::future<Reply> waiting = std::async(std::launch::async, [&] { return ask(*model); });
  while (model->ready()) std::this_thread::sleep_for(milliseconds(1));
  teflon_.fault("");
  EXPECT_EQ(waiting.get().device, "rocket0") << "it waited for the device";
  EXPECT_TRUE(model->ready());
}

TEST_F(NpuServing, AQuarantineOfAnEarlierRunIsKept) {
  const TemporaryFolder folder;
  QuarantineRules rules;
  rules.first_pause = seconds(200);  // longer than any start takes
  rules.state_file = folder / "quarantine.json";
  Quarantine(rules).failed("rocket0", "it hung yesterday");
  options_.quarantine = std::make_shared<Quarantine>(rules);
  auto model = start();
  ASSERT_TRUE(model);
  EXPECT_EQ(model->placements().ranked[0].placement.device, "rocket0");
  EXPECT_FALSE(model->placements().ranked[0].measured);
  const Reply reply = ask(*model);
  EXPECT_EQ(reply.device, "cpu");
  EXPECT_EQ(reply.fallback.value_or(""), "it hung yesterday");
}

// It comes from quarantine with a wrong answer: that is no success, whatever else it did right.
TEST_F(NpuServing, AProbeAtTheStartMustAnswerRightly) {
  const TemporaryFolder folder;
  QuarantineRules rules;
  rules.first_pause = Duration::zero();
  rules.longest_pause = seconds(200);
  rules.state_file = folder / "quarantine.json";
  Quarantine(rules).failed("rocket0", "it lied yesterday");
  rules.first_pause = seconds(100);  // after this start
  options_.quarantine = std::make_shared<Quarantine>(rules);
  teflon_.fault("corrupt");
  auto model = start();
  ASSERT_TRUE(model);
  EXPECT_FALSE(options_.quarantine->closed("rocket0"));
  ASSERT_EQ(model->circuits().size(), 1U);
  EXPECT_EQ(model->circuits()[0].failures_in_row, 2);
  EXPECT_THAT(model->circuits()[0].reason, HasSubstr("disagrees with the reference"));
  EXPECT_FALSE(Quarantine(rules).closed("rocket0")) << "the state file still says so";
  EXPECT_EQ(ask(*model).device, "cpu");
}

// What the server itself kills at the end of a drain says nothing of the device.
TEST_F(NpuServing, TheEndOfADrainIsNoFailureOfTheDevice) {
  options_.hang_limit = kPatience;
  auto model = start();
  ASSERT_TRUE(model);
  ask(*model);
  teflon_.fault("hang");
  Request request;
  request.input = std::make_shared<BytesSource>(random_bytes(++seed_, package_.input_bytes()));
  request.deadline = Clock::now() + kPatience;
  model->submit(std::move(request), [](const Result<Reply>&) {});
  while (model->counters().queued > 0) std::this_thread::sleep_for(milliseconds(1));
  model->drain(Clock::now());
  EXPECT_TRUE(options_.quarantine->closed("rocket0"));
}

TEST_F(NpuServing, ADeviceThatFailsAtTheStartComesBack) {
  teflon_.fault("submit:times=1");
  auto model = start();
  ASSERT_TRUE(model);
  EXPECT_EQ(model->circuits().size(), 1U);
  EXPECT_TRUE(comes_back(*model));
}

TEST_F(NpuServing, WhatTheNpuCannotDoIsServedByTheCpuWithTheReason) {
  for (const auto& [net, reason] :
       {std::pair{TinyNet::kFloat, "its tensors are not unsigned 8-bit"},
        std::pair{TinyNet::kSigned, "its tensors are not unsigned 8-bit"},
        std::pair{TinyNet::kPerChannel, "it is quantised per channel"},
        std::pair{TinyNet::kNotSquare, "its input is not square"},
        std::pair{TinyNet::kLoneAddition, "an addition cannot be fused into its convolution"}}) {
    test::TinyNpuPackage package(net);
    auto model = ServedModel::start(
        package.package(), 1, std::make_shared<BytesSource>(random_bytes(3, package.input_bytes())),
        options_);
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_THAT(rejection(**model), HasSubstr(reason));
    EXPECT_THAT((*model)->placements().no_npu,
                ::testing::AllOf(::testing::StartsWith("rocket0/teflon/"), HasSubstr(reason)));
    EXPECT_EQ((*model)->placements().ranked[0].placement.device, "cpu");
    EXPECT_EQ((*model)->counters().worker_restarts, 0U);
  }
}

TEST_F(NpuServing, AnNpuThatTheModelHasNoArtifactForIsNamedAsTheReason) {
  npu::Device& device = options_.devices->at(0);
  device.id = "rknpu0";
  device.family = "rknpu";
  auto model = start();
  ASSERT_TRUE(model);
  EXPECT_EQ(ask(*model).device, "cpu");
  EXPECT_THAT(model->placements().no_npu, HasSubstr("has no artifact for rknpu0"));
}

TEST_F(NpuServing, APolicyThatKeepsTheNpuOutIsNamedAsTheReason) {
  options_.policy = Policy::kCpuOnly;
  auto model = start();
  ASSERT_TRUE(model);
  EXPECT_EQ(model->placements().no_npu, "the policy is cpu-only");
}

TEST_F(NpuServing, AsManyWorkersAsMakeItFaster) {
  options_.devices = {test::simulated_rocket(3)};
  options_.instances = 0;
  teflon_.fault("slow:ms=40");  // of waiting, which cores do side by side
  auto model = start();
  ASSERT_TRUE(model);
  const Measured& measured = *model->placements().ranked[0].measured;
  EXPECT_EQ(measured.workers, 3);
  EXPECT_GT(measured.per_second_all, 1.3 * measured.per_second_one);
  int lanes = 0;
  for (const InstanceStatus& instance : model->instances())
    lanes += instance.placement.starts_with("rocket0") ? 1 : 0;
  EXPECT_EQ(lanes, 3);
  ask(*model);
}

// With npu-preferred most are answered by the CPU, as the device rests; with npu-required all wait
// for the device, so that every fault meets requests.
TEST_F(NpuServing, RandomFaultsCostNoRequestAndNoAnswer) {
  for (const Policy policy : {Policy::kNpuPreferred, Policy::kNpuRequired}) {
    options_.policy = policy;
    teflon_.fault("");
    // Inside of a run, so that the rest of the test is not spent on time-outs.
    options_.hang_limit = milliseconds(150);
    options_.quarantine = std::make_shared<Quarantine>(
        QuarantineRules{milliseconds(5), milliseconds(40), milliseconds(1), {}});
    auto model = start();
    ASSERT_TRUE(model);
    teflon_.fault("submit:one-in=50:seed=3+crash:one-in=150:seed=4+hang:one-in=400:seed=5");
    const int kRequests = policy == Policy::kNpuPreferred ? 3000 : 1500;
    std::atomic<int> next = 0, right = 0, on_npu = 0;
    std::vector<std::thread> callers;
    std::mutex checking;  // the reference session is one
    for (int c = 0; c < 4; ++c)
      callers.emplace_back([&] {
        for (int i = next++; i < kRequests; i = next++) {
          const std::vector<std::byte> input = random_bytes(static_cast<std::uint32_t>(i) + 10'000);
          Request request;
          request.input = std::make_shared<BytesSource>(input);
          request.deadline = Clock::now() + kPatience;
          auto reply = model->infer(std::move(request));
          ASSERT_TRUE(reply) << reply.error().message;
          const std::lock_guard lock(checking);
          right += package_.right(input, *reply) ? 1 : 0;
          on_npu += reply->device == "rocket0" ? 1 : 0;
        }
      });
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(right, kRequests);
    EXPECT_GT(on_npu, 0);
    if (policy == Policy::kNpuPreferred)
      EXPECT_GT(model->counters().fallbacks, 0U);
    else
      EXPECT_EQ(on_npu, kRequests);
    EXPECT_EQ(model->counters().failed, 0U);
    EXPECT_GT(model->circuits()[0].opened, policy == Policy::kNpuPreferred ? 0U : 10U);
    std::printf("%s: %d of %d answered by the device, which failed %d times\n",
                std::string(to_string(policy)).c_str(), on_npu.load(), kRequests,
                static_cast<int>(model->circuits()[0].opened));
  }
}

TEST_F(NpuServing, CrashesAndHangsLeaveNothingBehind) {
  options_.hang_limit = milliseconds(60);
  auto model = start();
  ASSERT_TRUE(model);
  ask(*model);
  auto cycle = [&](int i) {
    teflon_.fault(i % 5 == 4 ? "hang:times=1" : "crash:times=1");
    ask(*model);
    ASSERT_TRUE(comes_back(*model));
  };
  for (int i = 0; i < 5; ++i) cycle(i);
  const test::Holdings before = test::holdings_of(::getpid());
  for (int i = 0; i < 25; ++i) cycle(i);
  const test::Holdings after = test::holdings_of(::getpid());
  EXPECT_EQ(after.descriptors, before.descriptors);
  EXPECT_EQ(after.threads, before.threads);
  EXPECT_EQ(after.children, before.children);
  EXPECT_EQ(after.shared_maps, before.shared_maps);
}

}  // namespace
}  // namespace anynpu::runtime
