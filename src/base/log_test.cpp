// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log_format.h"

namespace anynpu::log {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

constexpr auto kTime =
    std::chrono::system_clock::time_point(std::chrono::milliseconds(1700000000123));

std::string line(Style style, bool priority, Level level, std::string_view message,
                 std::initializer_list<Field> fields = {}) {
  return format_line(style, priority, level, kTime, message, fields).text;
}

TEST(LogFormat, TerminalLinesHaveATime) {
  EXPECT_THAT(line(Style::kTerminal, false, Level::warn, "slow"),
              MatchesRegex("[0-9][0-9]:[0-9][0-9]:[0-9][0-9]\\.123 warn: slow\n"));
  Line coloured = format_line(Style::kTerminal, false, Level::info, kTime, "x", {});
  EXPECT_EQ(
      coloured.text.substr(coloured.colour_start, coloured.colour_end - coloured.colour_start),
      "info");
}

TEST(LogFormat, JournalLinesHaveAPriority) {
  EXPECT_EQ(line(Style::kJournal, true, Level::err, "broken"), "<3>error: broken\n");
  EXPECT_EQ(line(Style::kJournal, true, Level::warn, "slow"), "<4>warn: slow\n");
  EXPECT_EQ(line(Style::kJournal, true, Level::info, "fine"), "<6>info: fine\n");
  EXPECT_EQ(line(Style::kJournal, true, Level::debug, "dull"), "<7>debug: dull\n");
  EXPECT_EQ(line(Style::kJournal, true, Level::err, "two\nlines"), "<3>error: two\n<3>    lines\n");
}

TEST(LogFormat, NobodyForgesALine) {
  EXPECT_EQ(line(Style::kJournal, false, Level::info, "name\x1b[31m\r\ninfo: forged"),
            "info: name?[31m?\n    info: forged\n");
}

TEST(LogFormat, FieldsAreShown) {
  EXPECT_EQ(line(Style::kJournal, false, Level::info, "GET",
                 {{"status", 200}, {"ms", 1.5}, {"path", "/a b"}, {"id", "x"}, {"ok", true}}),
            "info: GET status=200 ms=1.5 path=\"/a b\" id=x ok=true\n");
}

TEST(LogFormat, JsonIsOneObjectALine) {
  std::string text = line(Style::kJson, false, Level::warn, "a \"b\"\nc\xff",
                          {{"status", 200}, {"path", std::string("/\n")}, {"ok", false}});
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  nlohmann::json object = nlohmann::json::parse(text);
  EXPECT_EQ(object["time"], "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(object["level"], "warn");
  EXPECT_EQ(object["message"], "a \"b\"\nc\xef\xbf\xbd");
  EXPECT_EQ(object["fields"]["status"], 200);
  EXPECT_EQ(object["fields"]["path"], "/\n");
  EXPECT_EQ(object["fields"]["ok"], false);

  text = line(Style::kJson, true, Level::err, "x");
  ASSERT_THAT(text, StartsWith("<3>{"));
  object = nlohmann::json::parse(text.substr(3));
  EXPECT_EQ(object.size(), 3U) << text;
}

TEST(LogFormat, HugeMessagesAreCut) {
  EXPECT_LT(line(Style::kJournal, true, Level::info, std::string(1 << 20, 'x')).size(), 20000U);
  EXPECT_LT(line(Style::kJson, true, Level::info, std::string(1 << 20, 'x')).size(), 20000U);
}

TEST(LogFormat, TheJournalIsKnownByItsStream) {
  int ends[2] = {};
  ASSERT_EQ(::pipe(ends), 0);
  struct stat file = {};
  ASSERT_EQ(::fstat(ends[1], &file), 0);
  std::string name = fmt::format("{}:{}", file.st_dev, file.st_ino);
  EXPECT_TRUE(is_journal(name.c_str(), ends[1]));
  EXPECT_FALSE(is_journal("1:2", ends[1])) << "standard error leads elsewhere";
  EXPECT_FALSE(is_journal(nullptr, ends[1]));
  ::close(ends[0]);
  ::close(ends[1]);
}

class LogSetUp : public testing::Test {
 protected:
  void TearDown() override { EXPECT_TRUE(set_up("warn")); }
};

TEST_F(LogSetUp, WritesToStandardError) {
  ::unsetenv("JOURNAL_STREAM");
  testing::internal::CaptureStderr();
  ASSERT_TRUE(set_up("info", "json"));
  debug("unseen");
  info("seen");
  write(Level::info, "with fields", {{"n", 1}});
  info("without again");
  failure(Error{Code::kBusy, "no"}.with_hint("wait"));
  std::string text = testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, testing::Not(HasSubstr("unseen")));
  std::vector<nlohmann::json> records;
  std::istringstream lines(text);
  for (std::string each; std::getline(lines, each);) records.push_back(nlohmann::json::parse(each));
  ASSERT_EQ(records.size(), 4U);
  EXPECT_EQ(records[1]["fields"]["n"], 1);
  EXPECT_FALSE(records[2].contains("fields"));
  EXPECT_EQ(records[3]["fields"]["hint"], "wait");
  EXPECT_EQ(records[3]["fields"]["code"], "busy");
}

TEST_F(LogSetUp, RefusesUnknownWords) {
  EXPECT_FALSE(set_up("loud"));
  EXPECT_FALSE(set_up("info", "xml"));
  EXPECT_TRUE(set_up("off"));
}

}  // namespace
}  // namespace anynpu::log
