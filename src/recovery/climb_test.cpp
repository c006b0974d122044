// SPDX-License-Identifier: Apache-2.0
// Ladders climbed with hands that only write down: the order, where it stops, what is refused.
#include "recovery/climb.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/text.h"

namespace anynpu::recovery {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Climb : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "anynpu-climb-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    fs::create_directories(folder_ / "machine/proc");
    fs::create_directories(folder_ / "run");
    fs::permissions(folder_ / "run", fs::perms::owner_all);
    ::setenv("ANYNPU_RUN_DIR", (folder_ / "run").c_str(), 1);
    std::ofstream(folder_ / "machine/proc/version") << "Linux 6.1\n";
    auto machine = host::machine_of_tree(folder_ / "machine");
    ASSERT_TRUE(machine);
    machine_ = std::move(*machine);
    hands_ = host::recording_hands(folder_ / "log");
    options_ = {.apply = true,
                .root = true,
                .evidence_folder = folder_ / "evidence",
                .state_file = folder_ / "state.json"};
    auto write = [](std::string name, std::string target) {
      npu::RecoveryStep step;
      step.name = std::move(name);
      step.acts = {{.kind = npu::Act::Kind::kWrite, .target = std::move(target), .text = "1"}};
      return step;
    };
    ladder_.steps = {npu::end_our_workers(), write("first", "/a"), write("second", "/b"),
                     write("third", "/c"), npu::reboot()};
    ladder_.evidence = {"/proc/version", "/proc/not-there"};
    device_.id = "rknpu0";
  }
  void TearDown() override {
    ::unsetenv("ANYNPU_RUN_DIR");
    fs::remove_all(folder_);
  }
  std::vector<std::string> done() {
    auto text = read_text(folder_ / "log");
    std::vector<std::string> lines;
    for (const std::string& line : split(text ? *text : "", '\n'))
      if (!line.empty() && !line.starts_with("step ")) lines.push_back(line);
    return lines;
  }
  // In order once `lines` acts have been done.
  Canary after(std::size_t lines) {
    return [this, lines]() -> Result<> {
      if (done().size() >= lines) return {};
      return Error{Code::kDevice, "still wedged"};
    };
  }

  fs::path folder_;
  std::unique_ptr<host::Machine> machine_;
  std::unique_ptr<host::Hands> hands_;
  npu::Ladder ladder_;
  npu::Device device_;
  ClimbOptions options_;
};

TEST_F(Climb, StopsAtTheFirstStepThatHelps) {
  auto report = climb(*machine_, *hands_, device_, ladder_, after(2), options_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->mended);
  EXPECT_THAT(done(), ElementsAre("write /a 1", "write /b 1"));
  EXPECT_EQ(report->steps[1].canary_says, "still wedged");
  EXPECT_TRUE(*report->steps[2].canary);
  EXPECT_FALSE(report->steps[3].taken);
}

TEST_F(Climb, EvidenceIsSavedBeforeTheFirstStep) {
  bool saved_before = false;
  Canary canary = [&]() -> Result<> {
    if (done().size() == 1) saved_before = fs::exists(folder_ / "evidence");
    return Error{Code::kDevice, "still wedged"};
  };
  auto report = climb(*machine_, *hands_, device_, ladder_, canary, options_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(saved_before);
  EXPECT_FALSE(report->mended);
  auto version = read_text(report->evidence / "proc_version");
  ASSERT_TRUE(version);
  EXPECT_EQ(*version, "Linux 6.1\n");
  auto absent = read_text(report->evidence / "proc_not-there");
  ASSERT_TRUE(absent);
  EXPECT_THAT(*absent, HasSubstr("cannot be read"));
  EXPECT_TRUE(fs::exists(report->evidence / "kernel-log.txt"));
}

TEST_F(Climb, ASimulatedDeviceIsMendedByItsStep) {
  const fs::path control = folder_ / "control";
  hands_ = host::recording_hands(folder_ / "log", {"second", control});
  Canary canary = [&]() -> Result<> {
    if (fs::exists(control)) return {};
    return Error{Code::kDevice, "still wedged"};
  };
  auto report = climb(*machine_, *hands_, device_, ladder_, canary, options_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->mended);
  EXPECT_THAT(done(), ElementsAre("write /a 1", "write /b 1"));
}

TEST_F(Climb, ADeviceInOrderIsLeftAlone) {
  auto report = climb(*machine_, *hands_, device_, ladder_, after(0), options_);
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->mended);
  EXPECT_TRUE(done().empty());
  EXPECT_FALSE(fs::exists(folder_ / "evidence"));
}

TEST_F(Climb, ADryRunDoesNothing) {
  options_.apply = false;
  Canary canary = []() -> Result<> {
    ADD_FAILURE() << "a dry run asks no canary";
    return {};
  };
  auto report = climb(*machine_, *hands_, device_, ladder_, canary, options_);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->steps.size(), ladder_.steps.size());
  EXPECT_TRUE(done().empty());
  EXPECT_FALSE(fs::exists(folder_ / "evidence"));
}

TEST_F(Climb, AStepThatHarmsIsNeverTaken) {
  ladder_.steps[1].never = "it resets the machine";
  auto report = climb(*machine_, *hands_, device_, ladder_, after(9), options_);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->steps[1].verdict, Verdict::kNever);
  EXPECT_THAT(done(), ElementsAre("write /b 1", "write /c 1"));

  // Not by name either, and --i-know means the one step that was named.
  options_.only = "first";
  report = climb(*machine_, *hands_, device_, ladder_, after(9), options_);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kPermission);
  EXPECT_THAT(report.error().message, HasSubstr("it resets the machine"));
  options_.i_know = true;
  report = climb(*machine_, *hands_, device_, ladder_, after(9), options_);
  ASSERT_TRUE(report);
  EXPECT_THAT(done(), Contains("write /a 1"));
  options_.only.clear();
  StepReport judged{.step = ladder_.steps[1]};
  judge_step(*machine_, true, false, judged);
  EXPECT_EQ(judged.verdict, Verdict::kNever);
}

// A worker of ours hangs in the kernel with the node open since the last canary.
TEST_F(Climb, ADriverIsNotTakenAwayUnderACanaryThatHangs) {
  ladder_.steps[2].unheld = {"/dev/accel/accel0"};
  Canary canary = [&]() -> Result<> {
    fs::create_directories(folder_ / "machine/proc/812/fd");
    std::ofstream(folder_ / "machine/proc/812/comm") << "anynpu\n";
    std::error_code again;
    fs::create_symlink("/dev/accel/accel0", folder_ / "machine/proc/812/fd/5", again);
    return Error{Code::kDevice, "still wedged"};
  };
  auto report = climb(*machine_, *hands_, device_, ladder_, canary, options_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(done(), ElementsAre("write /a 1", "write /c 1"));
  EXPECT_EQ(report->steps[2].verdict, Verdict::kHeld);
  EXPECT_FALSE(report->steps[2].taken);
  EXPECT_THAT(report->steps[2].held, HasSubstr("812 (anynpu)"));
  // Nor by name, unless somebody knows better.
  options_.only = "second";
  report = climb(*machine_, *hands_, device_, ladder_, canary, options_);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kBusy);
  options_.i_know = true;
  ASSERT_TRUE(climb(*machine_, *hands_, device_, ladder_, canary, options_));
  EXPECT_THAT(done(), Contains("write /b 1"));
}

// Who held the device at first, and ended with the first step, is no obstacle to a later one.
TEST_F(Climb, AHolderThatHasEndedIsNoObstacle) {
  ladder_.steps[2].unheld = {"/dev/accel/accel0"};
  const fs::path process = folder_ / "machine/proc/812";
  fs::create_directories(process / "fd");
  fs::create_symlink("/dev/accel/accel0", process / "fd/5");
  Canary canary = [&]() -> Result<> {
    if (done().size() == 1) fs::remove_all(process);
    return Error{Code::kDevice, "still wedged"};
  };
  auto report = climb(*machine_, *hands_, device_, ladder_, canary, options_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(done(), ElementsAre("write /a 1", "write /b 1", "write /c 1"));
}

class HandsThatFail : public host::Hands {
 public:
  explicit HandsThatFail(std::string at) : at_(std::move(at)) {}
  Result<> write(const std::string& path, std::string_view text, Duration /*limit*/) override {
    done.push_back(path + " " + std::string(text));
    if (done.back() != at_) return {};
    return Error{Code::kBusy, "busy"};
  }
  Result<> run(const std::vector<std::string>& /*command*/, std::string_view /*input*/,
               Duration /*limit*/) override {
    return {};
  }
  Result<> reset_rknpu(const std::string& /*node*/, Duration /*limit*/) override { return {}; }
  void pause(Duration /*duration*/) override {}

  std::vector<std::string> done;

 private:
  std::string at_;
};

TEST_F(Climb, WhatWasTakenAwayIsGivenBackAlthoughAnActFailed) {
  auto act = [](std::string target, std::string text, bool always) {
    return npu::Act{.kind = npu::Act::Kind::kWrite,
                    .target = std::move(target),
                    .text = std::move(text),
                    .always = always};
  };
  npu::RecoveryStep rebind;
  rebind.name = "rebind";
  rebind.acts = {act("/unbind", "a", false), act("/unbind", "b", false), act("/unbind", "c", false),
                 act("/bind", "a", true), act("/bind", "b", true)};
  ladder_.steps = {rebind};
  HandsThatFail hands("/unbind b");
  auto report = climb(*machine_, hands, device_, ladder_, after(9), options_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(hands.done, ElementsAre("/unbind a", "/unbind b", "/bind a", "/bind b"));
  EXPECT_EQ(report->steps[0].problem, "echo b > /unbind: busy");
}

TEST_F(Climb, WithoutRootItsStepsAreSkipped) {
  options_.root = false;
  ladder_.steps[2].needs_root = false;
  auto report = climb(*machine_, *hands_, device_, ladder_, after(9), options_);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->steps[1].verdict, Verdict::kNeedsRoot);
  EXPECT_THAT(done(), ElementsAre("write /b 1"));
}

TEST_F(Climb, ADeviceIsNotHammered) {
  ASSERT_TRUE(climb(*machine_, *hands_, device_, ladder_, after(9), options_));
  auto again = climb(*machine_, *hands_, device_, ladder_, after(9), options_);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kBusy);
  device_.id = "rknpu1";
  EXPECT_TRUE(climb(*machine_, *hands_, device_, ladder_, after(9), options_));
}

TEST_F(Climb, ABrokenStateFileIsNoObstacle) {
  std::ofstream(options_.state_file) << "]]";
  EXPECT_TRUE(climb(*machine_, *hands_, device_, ladder_, after(9), options_));
}

TEST_F(Climb, AnUnknownStepIsNamedWithTheKnownOnes) {
  options_.only = "flr";
  auto report = climb(*machine_, *hands_, device_, ladder_, after(9), options_);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kInvalid);
  EXPECT_THAT(report.error().hint, HasSubstr("first, second, third"));
}

}  // namespace
}  // namespace anynpu::recovery
