// SPDX-License-Identifier: Apache-2.0
// The runner: premises, devices, crashes, hangs.
#include "doctor/doctor.h"

#include <csignal>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "doctor/checks.h"
#include "host/manifest.h"

namespace anynpu::doctor {
namespace {

using npu::Check;
using npu::CheckContext;
using npu::Layer;
using npu::Severity;
using npu::Verdict;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kNeedsFirst[] = {"FIRST"};
constexpr std::string_view kNeedsSecond[] = {"SECOND"};

Verdict passes(const CheckContext&) {
  return npu::pass();
}
Verdict fails(const CheckContext&) {
  return npu::fail(npu::Problem{{}, {"/x: seen"}, {}, {}});
}
Verdict fails_on_a(const CheckContext&) {
  return npu::fail(npu::Problem{"a", {}, {}, {}});
}
Verdict fails_on_a_and_b(const CheckContext&) {
  return npu::fail({npu::Problem{"a", {}, {}, {}}, npu::Problem{"b", {}, "b's own cause", {}}});
}
Verdict throws(const CheckContext&) {
  throw std::runtime_error("out of range");
}
Verdict crashes(const CheckContext&) {
  ::raise(SIGKILL);
  return npu::pass();
}
Verdict hangs(const CheckContext&) {
  while (true) ::pause();
}

Check check(std::string_view id, Verdict (*run)(const CheckContext&),
            std::span<const std::string_view> premises = {},
            Severity severity = Severity::kUnusable, Layer layer = Layer::kKernel) {
  Check made;
  made.id = id;
  made.layer = layer;
  made.severity = severity;
  made.title = made.symptom = made.cause = made.fix = "the check's own";
  made.depends_on = premises;
  made.run = run;
  return made;
}

class DoctorTest : public ::testing::TestWithParam<bool> {
 protected:
  Diagnosis run(std::vector<Check> checks) {
    kept_ = std::move(checks);
    std::vector<const Check*> list;
    for (const Check& one : kept_) list.push_back(&one);
    Options options;
    options.isolated = GetParam();
    options.check_limit = limit_;
    options.whole_limit = seconds(600);
    options.check = only_;
    machine_ = host::simulated_machine({});
    return diagnose(*machine_, in_order(list), options);
  }
  static std::vector<std::string> ids(const Diagnosis& diagnosis) {
    std::vector<std::string> found;
    for (const npu::Finding& finding : diagnosis.findings())
      found.push_back(finding.id + (finding.device.empty() ? "" : "/" + finding.device));
    return found;
  }
  std::vector<Check> kept_;
  std::unique_ptr<host::Machine> machine_;
  std::string only_;
  Duration limit_ = seconds(600);
};
INSTANTIATE_TEST_SUITE_P(Both, DoctorTest, ::testing::Bool(), [](const auto& one) {
  return one.param ? std::string("isolated") : std::string("here");
});

TEST_P(DoctorTest, WithoutFindingsAllIsWell) {
  Diagnosis diagnosis = run({check("FIRST", passes)});
  EXPECT_EQ(diagnosis.exit_code(), kExitOk);
  EXPECT_EQ(diagnosis.outcomes.at(0).state, OutcomeState::kPassed);
  EXPECT_EQ(diagnosis.devices.at(0).family, "cpu");
}

TEST_P(DoctorTest, AFindingCarriesWhatTheCheckKnows) {
  Diagnosis diagnosis = run({check("FIRST", fails)});
  ASSERT_EQ(diagnosis.findings().size(), 1U);
  npu::Finding finding = diagnosis.findings()[0];
  EXPECT_EQ(finding.cause, "the check's own");
  EXPECT_EQ(finding.remedy.text, "the check's own");
  EXPECT_THAT(finding.evidence, ElementsAre("/x: seen"));
  EXPECT_EQ(diagnosis.exit_code(), kExitFailed);
}

TEST_P(DoctorTest, WhatFollowsFromAFindingIsSilent) {
  Diagnosis diagnosis = run({check("THIRD", fails, kNeedsSecond, Severity::kUnusable, Layer::kNode),
                             check("SECOND", fails, kNeedsFirst), check("FIRST", fails)});
  EXPECT_THAT(ids(diagnosis), ElementsAre("FIRST"));
  EXPECT_EQ(diagnosis.outcomes.at(1).state, OutcomeState::kExplained);
  EXPECT_EQ(diagnosis.outcomes.at(2).why, "FIRST");
}

TEST_P(DoctorTest, OneDevicesFindingSilencesNothingOfAnother) {
  Diagnosis diagnosis =
      run({check("FIRST", fails_on_a), check("SECOND", fails_on_a_and_b, kNeedsFirst)});
  EXPECT_THAT(ids(diagnosis), ElementsAre("FIRST/a", "SECOND/b"));
  EXPECT_EQ(diagnosis.findings()[1].cause, "b's own cause");
}

TEST_P(DoctorTest, FindingsAreSortedBySeverityAndLayer) {
  Diagnosis diagnosis = run({check("FIRST", fails, {}, Severity::kNote, Layer::kHardware),
                             check("SECOND", fails, {}, Severity::kDegraded, Layer::kNode),
                             check("THIRD", fails, {}, Severity::kDegraded, Layer::kKernel)});
  EXPECT_THAT(ids(diagnosis), ElementsAre("THIRD", "SECOND", "FIRST"));
  EXPECT_EQ(diagnosis.exit_code(), kExitDegraded);
}

TEST_P(DoctorTest, AnExceptionIsTheChecksOwnLoss) {
  Diagnosis diagnosis = run({check("FIRST", throws), check("SECOND", fails, kNeedsFirst)});
  EXPECT_THAT(ids(diagnosis), ElementsAre("SECOND"));
  ASSERT_EQ(diagnosis.unknown().size(), 1U);
  EXPECT_THAT(diagnosis.unknown()[0]->why, HasSubstr("out of range"));
}

TEST_P(DoctorTest, OneCheckAloneRunsAfterItsPremises) {
  only_ = "SECOND";
  Diagnosis diagnosis = run({check("FIRST", fails), check("SECOND", fails, kNeedsFirst)});
  ASSERT_EQ(diagnosis.outcomes.size(), 1U);
  EXPECT_EQ(diagnosis.outcomes[0].state, OutcomeState::kExplained);
  EXPECT_EQ(diagnosis.outcomes[0].why, "FIRST");
}

class IsolatedDoctorTest : public DoctorTest {};
INSTANTIATE_TEST_SUITE_P(Isolated, IsolatedDoctorTest, ::testing::Values(true));

TEST_P(IsolatedDoctorTest, ACrashIsTheChecksOwnLoss) {
  Diagnosis diagnosis =
      run({check("FIRST", crashes), check("SECOND", fails), check("THIRD", crashes)});
  EXPECT_THAT(ids(diagnosis), ElementsAre("SECOND"));
  ASSERT_EQ(diagnosis.unknown().size(), 2U);
  EXPECT_THAT(diagnosis.unknown()[0]->why, HasSubstr("ended by signal 9"));
  EXPECT_EQ(diagnosis.exit_code(true), kExitFailed);
}

TEST_P(IsolatedDoctorTest, AHangIsTheChecksOwnLoss) {
  limit_ = seconds(2);
  Diagnosis diagnosis = run({check("FIRST", hangs), check("SECOND", passes)});
  ASSERT_EQ(diagnosis.unknown().size(), 1U);
  EXPECT_THAT(diagnosis.unknown()[0]->why, HasSubstr("it took more than"));
  EXPECT_EQ(diagnosis.outcomes.at(1).state, OutcomeState::kPassed);
  EXPECT_EQ(diagnosis.exit_code(), kExitOk);
  EXPECT_EQ(diagnosis.exit_code(true), kExitDegraded);
}

}  // namespace
}  // namespace anynpu::doctor
