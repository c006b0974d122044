// SPDX-License-Identifier: Apache-2.0
// The door to drivers, the kernel's records, and ELF files, on this machine.
#include "host/door.h"

#include <csignal>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "host/elf.h"
#include "host/kernel_log.h"

namespace anynpu::host {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

TEST(DoorTest, AskingANodeThatIsNoDriverOfOurs) {
  EXPECT_TRUE(ask_driver("/dev/null", {Question::kOpen}));
  auto refused = ask_driver("/dev/null", {Question::kDrmVersion});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().system_errno, ENOTTY);
  EXPECT_THAT(refused.error().message, HasSubstr("/dev/null"));
  EXPECT_EQ(ask_driver("/dev/null", {Question::kAmdxdnaInfo, 1}).error().system_errno, ENOTTY);
  EXPECT_EQ(ask_driver("/dev/none", {Question::kOpen}).error().code, Code::kNotFound);
  EXPECT_FALSE(ask_driver("/etc/passwd", {Question::kOpen}));
}

TEST(DoorTest, OnlyReadingActionsAreAsked) {
  EXPECT_EQ(ask_driver("/dev/null", {Question::kRknpuAction, 6}).error().system_errno, EINVAL);
}

TEST(DoorTest, ADriverThatHangsIsLeft) {
  TimePoint start = Clock::now();
  auto answer = in_child([](DoorAnswer&) { ::pause(); }, milliseconds(50));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::kTimeout);
  EXPECT_LT(ms_since(start), 10000);
}

TEST(DoorTest, ACrashIsAnError) {
  auto answer = in_child([](DoorAnswer&) { ::raise(SIGKILL); }, seconds(5));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::kCrashed);
}

TEST(DoorTest, AnswersComeBack) {
  auto answer = in_child(
      [](DoorAnswer& out) {
        std::memcpy(out.bytes, "a\0b", 3);
        out.size = 3;
      },
      seconds(5));
  EXPECT_EQ(answer.value(), std::string("a\0b", 3));
}

TEST(KernelLogTest, RecordsOfKmsg) {
  EXPECT_EQ(kmsg_line("6,1234,5678901,-;rocket: on\n SUBSYSTEM=platform\n"),
            "[    5.678901] rocket: on");
  EXPECT_EQ(kmsg_line("no record"), "");
  EXPECT_EQ(kmsg_line("6;short"), "");
}

TEST(ElfTest, ReadsTheProgramThatRuns) {
  std::string_view wanted[] = {"a text that only this test holds: "};
  auto facts = elf_facts_of_file("/proc/self/exe", wanted);
  ASSERT_TRUE(facts) << facts.error().message;
#if defined(__x86_64__)
  EXPECT_EQ(facts->architecture, "x86_64");
#elif defined(__aarch64__)
  EXPECT_EQ(facts->architecture, "aarch64");
#endif
  EXPECT_THAT(facts->needed, Contains("libc.so.6"));
  EXPECT_THAT(facts->glibc, ::testing::StartsWith("2."));
  EXPECT_THAT(facts->texts, Contains(HasSubstr("a text that only this test holds: ")));
}

TEST(ElfTest, RefusesWhatIsNone) {
  EXPECT_FALSE(parse_elf("", {}));
  EXPECT_FALSE(parse_elf("\177ELF", {}));
  EXPECT_FALSE(parse_elf(std::string(200, 'x'), {}));
  EXPECT_EQ(elf_facts_of_file("/dev/null", {}).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace anynpu::host
