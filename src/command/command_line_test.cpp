// SPDX-License-Identifier: Apache-2.0
// The tree of commands as a whole: refusals that help, and a description for everything.
#include "command/command_line.h"

#include <functional>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anynpu::command {
namespace {

using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

class CommandLineTest : public ::testing::Test {
 protected:
  Error explain(const std::vector<std::string>& arguments) {
    return explain_refusal(*root_, arguments, "as CLI11 says");
  }
  void for_each(const CLI::App& command, const std::function<void(const CLI::App&)>& visit) {
    visit(command);
    for (const CLI::App* below : visible_commands(command)) for_each(*below, visit);
  }

  CommandContext context_;
  std::unique_ptr<CLI::App> root_ = command_line(context_);
};

TEST_F(CommandLineTest, UnknownCommandGetsTheNearest) {
  Error error = explain({"devcies"});
  EXPECT_EQ(error.message, "anynpu has no command 'devcies'");
  EXPECT_EQ(error.hint, "did you mean 'anynpu devices'?");
  EXPECT_THAT(explain({"photosynthesis"}).hint, HasSubstr("the commands are: run, serve"));
}

TEST_F(CommandLineTest, UnknownOptionGetsTheNearestOfItsCommand) {
  Error error = explain({"run", "m", "x.jpg", "--treshold=0.5"});
  EXPECT_EQ(error.message, "anynpu run has no option '--treshold'");
  EXPECT_EQ(error.hint, "did you mean '--threshold'?");
  EXPECT_EQ(explain({"run", "--zzzzzzzz"}).hint, "see anynpu run --help");
  EXPECT_EQ(explain({"run", "-q"}).message, "anynpu run has no option '-q'");
}

TEST_F(CommandLineTest, ValuesAreNotTakenForOptionsOrCommands) {
  EXPECT_EQ(explain({"--log-level", "devcies", "run", "m"}).message, "as CLI11 says");
  EXPECT_EQ(explain({"run", "--annotate", "--odd-name", "m"}).message, "as CLI11 says");
  EXPECT_EQ(explain({"run", "--", "--odd-name"}).message, "as CLI11 says");
  EXPECT_EQ(explain({"run", "m", "devcies"}).message, "as CLI11 says");
}

TEST_F(CommandLineTest, CommandsThatNeedACommandSaySo) {
  EXPECT_EQ(explain({"--json"}).message, "anynpu needs a command");
  EXPECT_EQ(explain({"models"}).message, "anynpu models needs a command");
  EXPECT_THAT(explain({"models"}).hint, HasSubstr("pull"));
}

TEST_F(CommandLineTest, HostileArgumentsAreShownSafely) {
  EXPECT_THAT(explain({"\x1b[31mred\n"}).message, Not(HasSubstr("\x1b")));
  EXPECT_LT(explain({std::string(100000, 'x')}).message.size(), 200U);
  EXPECT_EQ(explain({"", "-", "--"}).message, "anynpu has no command ''");
}

TEST_F(CommandLineTest, EverythingIsDescribedInOneStyle) {
  for_each(*root_, [](const CLI::App& command) {
    SCOPED_TRACE(full_name(command));
    EXPECT_FALSE(command.get_description().empty());
    for (const CLI::Option* option : command.get_options()) {
      SCOPED_TRACE(option->get_name());
      EXPECT_FALSE(option->get_description().empty());
      EXPECT_THAT(option->get_description(), Not(EndsWith(".")));
    }
  });
}

TEST_F(CommandLineTest, EveryCommandHasTheCommonOptions) {
  for_each(*root_, [](const CLI::App& command) {
    SCOPED_TRACE(full_name(command));
    EXPECT_THAT(option_names(command), Contains("--json"));
    EXPECT_THAT(option_names(command), Contains("--log-level"));
    EXPECT_THAT(option_names(command), Contains("--help"));
  });
}

TEST_F(CommandLineTest, HiddenCommandsAreNotOffered) {
  for (const CLI::App* command : visible_commands(*root_)) EXPECT_NE(command->get_name(), "manual");
  EXPECT_THAT(explain({"manua"}).hint, Not(HasSubstr("'anynpu manual'")));
}

}  // namespace
}  // namespace anynpu::command
