// SPDX-License-Identifier: Apache-2.0
// Tests of running other programs.
#include "base/subprocess.h"

#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "base/file.h"
#include "temporary_folder.h"

namespace anynpu {
namespace {

using testing::HasSubstr;

TEST(Subprocess, GivesOutputErrorsAndExitCode) {
  Result<CommandResult> result = run_command({"sh", "-c", "echo out; echo err >&2; exit 3"});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->output, "out\n");
  EXPECT_EQ(result->errors, "err\n");
  EXPECT_EQ(result->exit_code, 3);
}

TEST(Subprocess, PassesArgumentsAsTheyAre) {
  Result<CommandResult> result = run_command({"printf", "%s|", "a b", "$HOME", "", "'"});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->output, "a b|$HOME||'|");
}

TEST(Subprocess, SaysWhichSignalEndedIt) {
  EXPECT_EQ(run_command({"sh", "-c", "kill -TERM $$"})->exit_code, 128 + SIGTERM);
}

TEST(Subprocess, GivesNoInput) {
  EXPECT_EQ(run_command({"cat"})->output, "");
}

TEST(Subprocess, ACommandThatIsNotThereIsNotFound) {
  Result<CommandResult> result = run_command({"anynpu-no-such-command"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kNotFound);
  EXPECT_THAT(result.error().message, HasSubstr("anynpu-no-such-command"));
  EXPECT_THAT(result.error().hint, HasSubstr("install"));
}

// Waits until the process has ended, for at most half a minute. One that nobody waits for yet, as
// in a container whose first process is no init, has ended too: its state is Z.
bool has_ended(int pid) {
  for (int i = 0; i < 3000; ++i) {
    Result<std::string> stat = read_text("/proc/" + std::to_string(pid) + "/stat");
    if (!stat || stat->find(") Z ") != std::string::npos) return true;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return false;
}

TEST(Subprocess, ATimeoutEndsTheWholeGroup) {
  TemporaryFolder folder;
  std::string pid_file = (folder / "pid").string();
  CommandOptions options;
  options.timeout = seconds(2);
  Result<CommandResult> result =
      run_command({"sh", "-c", "sleep 1000 & echo $! > " + pid_file + "; wait"}, options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kTimeout);
  EXPECT_THAT(result.error().message, HasSubstr("longer than 2 s"));
  Result<std::string> pid = read_text(pid_file);
  ASSERT_TRUE(pid) << "the shell did not come to start its child";
  EXPECT_TRUE(has_ended(std::stoi(*pid)));
}

TEST(Subprocess, EndlessOutputIsEndedAtTheLimit) {
  CommandOptions options;
  options.most_output = 100'000;
  Result<CommandResult> result = run_command({"yes"}, options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kTooLarge);
}

TEST(Subprocess, EndlessErrorsKeepTheirEnd) {
  Result<CommandResult> result = run_command(
      {"sh", "-c", "i=0; while [ $i -lt 3000 ]; do echo line $i >&2; i=$((i+1)); done"});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_LE(result->errors.size(), 8192U);
  EXPECT_THAT(result->errors, HasSubstr("line 2999\n"));
}

TEST(Subprocess, OutputCanGoToAFile) {
  TemporaryFolder folder;
  CommandOptions options;
  options.output_file = folder / "out";
  Result<CommandResult> result = run_command({"echo", "hello"}, options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->output, "");
  EXPECT_EQ(*read_text(folder / "out"), "hello\n");
}

TEST(Subprocess, CallsBackWhileRunning) {
  int calls = 0;
  CommandOptions options;
  options.while_running = [&] { ++calls; };
  ASSERT_TRUE(run_command({"sleep", "0.3"}, options));
  EXPECT_GT(calls, 0);
}

TEST(Subprocess, IsEndedWhenItClosesWhatItPrintsToAndGoesOn) {
  CommandOptions options;
  options.timeout = milliseconds(200);
  Result<CommandResult> result =
      run_command({"sh", "-c", "exec >&- 2>&-; while :; do sleep 1; done"}, options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kTimeout);
}

TEST(Subprocess, CanBeStopped) {
  std::stop_source stop;
  CommandOptions options;
  options.stop = stop.get_token();
  options.while_running = [&] { stop.request_stop(); };
  Result<CommandResult> result = run_command({"sleep", "3600"}, options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kCancelled);
}

TEST(Subprocess, KnowsWhatPathHas) {
  EXPECT_TRUE(has_command("sh"));
  EXPECT_FALSE(has_command("anynpu-no-such-command"));
}

}  // namespace
}  // namespace anynpu
