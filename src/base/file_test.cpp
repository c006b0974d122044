// SPDX-License-Identifier: Apache-2.0
// Tests of reading, writing and hashing whole files.
#include "base/file.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temporary_folder.h"

namespace anynpu {
namespace {

using testing::HasSubstr;

std::size_t entries_of(const std::filesystem::path& folder) {
  auto entries = std::filesystem::directory_iterator(folder);
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

TEST(File, ReadsWhatWasWritten) {
  TemporaryFolder folder;
  std::string content("one\0two\n", 8);
  ASSERT_TRUE(write_file(folder / "a", content));
  EXPECT_EQ(*read_text(folder / "a"), content);
  EXPECT_EQ(read_bytes(folder / "a", 8)->size(), 8U);
}

TEST(File, ReadsAnEmptyFile) {
  TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder / "empty", ""));
  EXPECT_EQ(*read_text(folder / "empty", 0), "");
}

TEST(File, WritesIntoWhatIsNoFileAndThroughALink) {
  TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder / "real", "old"));
  ASSERT_EQ(::chmod((folder / "real").c_str(), 0600), 0);
  std::filesystem::create_symlink("real", folder / "link");
  ASSERT_TRUE(write_file(folder / "link", "new"));
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(*read_text(folder / "real"), "new");
  struct stat info {};
  ASSERT_EQ(::stat((folder / "real").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);

  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  const int reader = ::open((folder / "pipe").c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  ASSERT_TRUE(write_file(folder / "pipe", "through"));
  std::array<char, 16> got{};
  EXPECT_EQ(::read(reader, got.data(), got.size()), 7);
  ::close(reader);
  EXPECT_TRUE(std::filesystem::is_fifo(folder / "pipe"));

  const mode_t before = ::umask(077);
  ASSERT_TRUE(write_file(folder / "private", "mine"));
  ::umask(before);
  ASSERT_EQ(::stat((folder / "private").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_EQ(entries_of(folder / "."), 4U);
}

TEST(File, RefusesMoreThanTheLimit) {
  TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder / "a", "12345"));
  EXPECT_TRUE(read_bytes(folder / "a", 5));
  auto refused = read_bytes(folder / "a", 4);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kTooLarge);
  EXPECT_THAT(refused.error().message, HasSubstr((folder / "a").string()));
}

TEST(File, ReadsTheEndOfALongOneFromTheBeginningOfALine) {
  TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder / "log", "first\nsecond\nthird\n"));
  EXPECT_EQ(read_tail(folder / "log", 19).value(), "first\nsecond\nthird\n");
  EXPECT_EQ(read_tail(folder / "log", 18).value(), "second\nthird\n");
  EXPECT_EQ(read_tail(folder / "log", 8).value(), "third\n");
  EXPECT_EQ(read_tail(folder / "log", 3).value(), "");
  EXPECT_EQ(read_tail(folder / "none", 3).error().code, Code::kNotFound);
}

TEST(File, ReadsFilesThatDoNotSayTheirLength) {
  Result<std::string> status = read_text("/proc/self/status");
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_THAT(*status, HasSubstr("Pid:"));
  Result<std::string> refused = read_text("/proc/self/status", 10);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kTooLarge);
}

TEST(File, NamesWhatIsMissing) {
  TemporaryFolder folder;
  Result<std::string> missing = read_text(folder / "nowhere");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("nowhere"));
}

TEST(File, RefusesWhatIsNoRegularFileAndNeverWaitsForIt) {
  TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(read_text(folder / "pipe").error().code, Code::kInvalid);
  EXPECT_EQ(sha256_of_file(folder / "pipe").error().code, Code::kInvalid);
  EXPECT_EQ(read_text("/dev/zero").error().code, Code::kInvalid);
  Result<std::string> directory = read_text(folder.path());
  ASSERT_FALSE(directory);
  EXPECT_THAT(directory.error().message, HasSubstr("is a folder"));
}

TEST(File, WritesReplaceTheWholeFileAndLeaveNothingElse) {
  TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder / "a", "a long first content"));
  ASSERT_TRUE(write_file(folder / "a", "short"));
  EXPECT_EQ(*read_text(folder / "a"), "short");
  EXPECT_EQ(entries_of(folder.path()), 1U);
  struct stat info {};
  ASSERT_EQ(::stat((folder / "a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0644U);
}

TEST(File, AFailedWriteLeavesTheTargetAndNoTemporaryFile) {
  TemporaryFolder folder;
  std::filesystem::create_directory(folder / "taken");
  std::ofstream(folder / "taken/inside") << "x";
  Result<> failed = write_file(folder / "taken", "content");
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("cannot write"));
  EXPECT_TRUE(std::filesystem::exists(folder / "taken/inside"));
  EXPECT_EQ(entries_of(folder.path()), 1U);
  EXPECT_EQ(write_file(folder / "no/such/folder", "x").error().code, Code::kNotFound);
}

// The examples of FIPS 180-2, appendix B.
TEST(File, HashesAsTheStandardSays) {
  EXPECT_EQ(sha256_of(std::as_bytes(std::span("abc", 3))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_of({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder / "million", std::string(1'000'000, 'a')));
  EXPECT_EQ(*sha256_of_file(folder / "million"),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(sha256_of_file(folder / "nowhere").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace anynpu
