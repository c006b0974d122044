// SPDX-License-Identifier: Apache-2.0
// The circuit of a device: when it opens, who may probe, and what outlives a restart.
#include "runtime/quarantine.h"

#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/worker.h"
#include "temporary_folder.h"

namespace anynpu::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Pass = Quarantine::Pass;

QuarantineRules rules(Duration first = Duration::zero(), Duration longest = seconds(300)) {
  QuarantineRules quick;
  quick.first_pause = first;
  quick.longest_pause = longest;
  return quick;
}

TEST(Quarantine, ADeviceThatNeverFailedIsFree) {
  Quarantine quarantine(rules());
  EXPECT_EQ(quarantine.enter("npu0").pass, Pass::kFree);
  EXPECT_TRUE(quarantine.closed("npu0"));
  EXPECT_THAT(quarantine.status(), IsEmpty());
}

TEST(Quarantine, OneProbeAtATimeAndOnlyAfterThePause) {
  Quarantine slow(rules(seconds(100)));
  slow.failed("npu0", "it hung");
  EXPECT_FALSE(slow.closed("npu0"));
  EXPECT_TRUE(slow.closed("npu1")) << "another device is not its fault";
  const Quarantine::Permit wait = slow.enter("npu0");
  EXPECT_EQ(wait.pass, Pass::kWait);
  EXPECT_GT(wait.again, Clock::now() + seconds(50));

  Quarantine quick(rules());
  quick.failed("npu0", "it hung");
  EXPECT_EQ(quick.enter("npu0").pass, Pass::kProbe);
  EXPECT_EQ(quick.status()[0].circuit, Circuit::kHalfOpen);
  EXPECT_EQ(quick.enter("npu0").pass, Pass::kWait) << "a second probe";
  quick.succeeded("npu0");
  EXPECT_EQ(quick.enter("npu0").pass, Pass::kFree);
}

TEST(Quarantine, ManyThreadsGetOneProbe) {
  Quarantine quarantine(rules());
  quarantine.failed("npu0", "it hung");
  std::atomic<int> probes = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i)
    threads.emplace_back([&] { probes += quarantine.enter("npu0").pass == Pass::kProbe ? 1 : 0; });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(probes, 1);
}

TEST(Quarantine, PausesGrowToALimitWhileProbesFail) {
  Quarantine quarantine(rules(milliseconds(1), milliseconds(6)));
  std::vector<double> pauses;
  for (int i = 0; i < 5; ++i) {
    quarantine.failed("npu0", "again");
    pauses.push_back(quarantine.status()[0].pause_s);
    Quarantine::Permit permit;
    do permit = quarantine.enter("npu0");
    while (permit.pass != Pass::kProbe);
  }
  EXPECT_THAT(pauses, ::testing::ElementsAre(0.001, 0.002, 0.004, 0.006, 0.006));
}

TEST(Quarantine, FailuresOfOneFaultCountOnce) {
  Quarantine quarantine(rules(seconds(100)));
  quarantine.failed("npu0", "the first worker saw it");
  quarantine.failed("npu0", "the second one too");
  EXPECT_EQ(quarantine.status()[0].failures_in_row, 1);
  EXPECT_EQ(quarantine.status()[0].reason, "the first worker saw it");
}

TEST(Quarantine, AFailureSoonAfterASuccessGrowsThePause) {
  QuarantineRules nervous = rules(milliseconds(1));
  nervous.proven_after = seconds(1000);
  Quarantine quarantine(nervous);
  QuarantineRules calm = rules(milliseconds(1));
  calm.proven_after = Duration::zero();
  Quarantine forgiving(calm);
  for (Quarantine* each : {&quarantine, &forgiving})
    for (int i = 0; i < 3; ++i) {
      each->failed("npu0", "again");
      while (each->enter("npu0").pass != Pass::kProbe) std::this_thread::sleep_for(milliseconds(1));
      each->succeeded("npu0");
      std::this_thread::sleep_for(milliseconds(5));
    }
  EXPECT_EQ(quarantine.status()[0].failures_in_row, 3);
  EXPECT_EQ(forgiving.status()[0].failures_in_row, 1);
}

TEST(Quarantine, AProbeThatIsBrokenOffCountsForNothing) {
  Quarantine quarantine(rules());
  quarantine.failed("npu0", "it hung");
  ASSERT_EQ(quarantine.enter("npu0").pass, Pass::kProbe);
  quarantine.abandoned("npu0");
  EXPECT_EQ(quarantine.status()[0].failures_in_row, 1);
  EXPECT_EQ(quarantine.enter("npu0").pass, Pass::kProbe);
}

TEST(Quarantine, ADeviceIsGivenUpAsLongAsTheProcessThatHoldsItIsThere) {
  const pid_t holder = ::fork();
  if (holder == 0) {
    ::pause();
    ::_exit(0);
  }
  ::setpgid(holder, holder);  // as every worker
  Quarantine quarantine(rules());
  quarantine.give_up("npu0", holder, "the worker hangs in the kernel");
  EXPECT_EQ(quarantine.status()[0].stuck, holder);
  EXPECT_EQ(quarantine.enter("npu0").pass, Pass::kWait);
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
  EXPECT_EQ(quarantine.enter("npu0").pass, Pass::kProbe);
}

/// Cannot be ended.
class StuckWorker : public Worker {
 public:
  StuckWorker(pid_t pid, std::atomic<bool>& there, std::atomic<bool>& kept)
      : pid_(pid), there_(there), kept_(kept) {
    kept_ = true;
  }
  ~StuckWorker() override { kept_ = false; }
  const engine::SessionInfo& session() const override { return info_; }
  Result<std::vector<std::span<std::byte>>> prepare(const std::vector<InputSize>&) override {
    return Error{Code::kTimeout, "hangs"};
  }
  Result<RunOutput> run(TimePoint) override { return Error{Code::kTimeout, "hangs"}; }
  bool end(bool) override { return false; }
  bool alive() override { return there_; }
  std::string obituary(Duration) override { return "hangs"; }
  pid_t pid() const override { return pid_; }

 private:
  pid_t pid_;
  std::atomic<bool>& there_;
  std::atomic<bool>& kept_;
  engine::SessionInfo info_;
};

TEST(Quarantine, KeepsAllWorkersThatCannotBeEndedUntilTheyHaveGone) {
  std::vector<pid_t> holders;
  for (int i = 0; i < 2; ++i) {
    const pid_t holder = ::fork();
    if (holder == 0) {
      ::pause();
      ::_exit(0);
    }
    ::setpgid(holder, holder);
    holders.push_back(holder);
  }
  Placement placement;
  placement.device = "npu0";
  placement.family = "rknpu";
  std::atomic<bool> there[2] = {true, true}, kept[2] = {};
  Quarantine quarantine(rules());
  for (std::size_t i = 0; i < 2; ++i)
    quarantine.end_worker(std::make_unique<StuckWorker>(holders[i], there[i], kept[i]), false,
                          placement);
  const auto end = [&](std::size_t i) {
    ::kill(holders[i], SIGKILL);
    ::waitpid(holders[i], nullptr, 0);
    there[i] = false;
  };
  EXPECT_EQ(quarantine.enter("npu0").pass, Pass::kWait);
  end(1);
  EXPECT_EQ(quarantine.enter("npu0").pass, Pass::kWait) << "the first one still holds the device";
  EXPECT_TRUE(kept[0]);
  EXPECT_FALSE(kept[1]);
  EXPECT_EQ(quarantine.status()[0].stuck, holders[0]);
  end(0);
  EXPECT_EQ(quarantine.enter("npu0").pass, Pass::kProbe);
  EXPECT_FALSE(kept[0]);
}

TEST(Quarantine, OutlivesARestart) {
  const TemporaryFolder folder;
  QuarantineRules kept = rules(seconds(100));
  kept.state_file = folder / "deep/quarantine.json";
  {
    Quarantine before(kept);
    before.failed("npu0", "it hung");
    before.failed("npu1", "it lied");
  }
  Quarantine after(kept);
  EXPECT_FALSE(after.closed("npu0"));
  EXPECT_EQ(after.enter("npu1").pass, Pass::kWait);
  ASSERT_EQ(after.status().size(), 2U);
  EXPECT_EQ(after.status()[1].reason, "it lied");
  EXPECT_GT(after.status()[1].left_s, 50);

  QuarantineRules quick = kept;
  quick.first_pause = Duration::zero();
  {
    Quarantine healing(quick);
    for (const char* device : {"npu0", "npu1"}) {
      ASSERT_EQ(healing.enter(device).pass, Pass::kProbe) << "the pause is cut to the new rules";
      healing.succeeded(device);
    }
  }
  EXPECT_THAT(Quarantine(kept).status(), IsEmpty());
}

// A slow disk must not hold up those who only ask.
TEST(Quarantine, NobodyWaitsForTheStateFileAndTheNewestStateIsKept) {
  std::promise<void> writing, may_write;
  std::atomic<int> writes = 0;
  std::string content;
  QuarantineRules slow = rules(seconds(100));
  slow.state_file = "/nowhere/quarantine.json";
  slow.write = [&](const std::filesystem::path&, const std::string& text) -> Result<> {
    if (writes++ == 0) {
      writing.set_value();
      may_write.get_future().wait();
    }
    content = text;
    return {};
  };
  Quarantine quarantine(slow);
  std::vector<std::thread> writers;
  writers.emplace_back([&] { quarantine.failed("npu0", "it hung"); });
  writing.get_future().wait();
  for (const char* device : {"npu1", "npu2", "npu3"})
    writers.emplace_back([&quarantine, device] { quarantine.failed(device, "it hung"); });
  auto asking = std::async(std::launch::async, [&] {
    while (quarantine.status().size() < 4) std::this_thread::sleep_for(milliseconds(1));
    return !quarantine.closed("npu0") && !quarantine.reason("npu3").empty() &&
           quarantine.enter("npu2").pass == Pass::kWait;
  });
  const bool asked = asking.wait_for(seconds(60)) == std::future_status::ready;
  EXPECT_TRUE(asked);
  may_write.set_value();
  EXPECT_TRUE(asking.get());
  for (std::thread& writer : writers) writer.join();
  const auto kept = parse_quarantine(content);
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->size(), 4U);
}

TEST(Quarantine, ABrokenStateFileIsNoQuarantine) {
  const TemporaryFolder folder;
  QuarantineRules kept = rules();
  kept.state_file = folder / "quarantine.json";
  ASSERT_TRUE(write_file(kept.state_file, std::string_view("{\"quarantined\": 7")));
  EXPECT_THAT(Quarantine(kept).status(), IsEmpty());
}

TEST(ParseQuarantine, RefusesWhatItDidNotWrite) {
  for (const char* text : {"", "[]", "{}", R"({"quarantined": 1})", R"({"quarantined": [1]})",
                           R"({"quarantined": [{}]})", R"({"quarantined": [{"device": ""}]})",
                           R"({"quarantined": [{"device": 3}]})"})
    EXPECT_FALSE(parse_quarantine(text)) << text;
  std::string many = R"({"quarantined": [{"device": "a"})";
  for (int i = 0; i < 64; ++i) many += R"(,{"device": "a"})";
  EXPECT_FALSE(parse_quarantine(many + "]}"));
}

TEST(ParseQuarantine, NumbersAreKeptWithinReason) {
  auto kept = parse_quarantine(
      R"({"quarantined": [{"device": "n\u0007pu", "failures_in_row": -5, "until": 1e300},
                          {"device": "x", "failures_in_row": 99999999999, "reason": 4}]})");
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_THAT((*kept)[0].device, ::testing::Not(HasSubstr("\a")));
  EXPECT_EQ((*kept)[0].failures_in_row, 1);
  EXPECT_EQ((*kept)[1].failures_in_row, 1000);
  EXPECT_EQ((*kept)[1].reason, "");
}

}  // namespace
}  // namespace anynpu::runtime
