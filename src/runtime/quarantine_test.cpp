// SPDX-License-Identifier: Apache-2.0
// The circuit of a device: when it opens, who may probe, and what outlives a restart.
#include "runtime/quarantine.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
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
