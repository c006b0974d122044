// SPDX-License-Identifier: Apache-2.0
// Manifests: every kind of line, what a base gives, and what comes back from a folder.
#include "host/manifest.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/environment.h"
#include "temporary_folder.h"

namespace anynpu::host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

MachineDescription parsed(std::string_view text) {
  auto description = parse_manifest(text);
  EXPECT_TRUE(description) << description.error().message;
  return description ? *description : MachineDescription{};
}
std::unique_ptr<Machine> machine(std::string_view text) {
  return simulated_machine(parsed(text));
}
std::string refusal(std::string_view text) {
  auto description = parse_manifest(text);
  return description ? "" : description.error().message;
}

TEST(ManifestTest, FilesFoldersAndLinks) {
  auto m = machine(
      "file /a/one = first\\tline\n"
      "file /a/two 0600 0:7\n| x\n|\n| y\n"
      "raw /a/raw = \\x00\\x41\n"
      "folder /b\n"
      "link /c -> a/one\n"
      "link /dangling -> /nowhere\n");
  EXPECT_EQ(m->read_text("/a/one").value(), "first\tline\n");
  EXPECT_EQ(m->read_text("/c").value(), "first\tline\n");
  EXPECT_EQ(m->read_text("/a/two").value(), "x\n\ny\n");
  EXPECT_EQ(m->read_text("/a/raw").value(), std::string("\0A", 2));
  EXPECT_EQ(m->stat("/a/two").value().gid, 7U);
  EXPECT_THAT(m->list("/"), ElementsAre("a", "b", "c", "dangling"));
  EXPECT_THAT(m->list("/a"), ElementsAre("one", "raw", "two"));
  EXPECT_TRUE(m->names("/b"));
  EXPECT_THAT(m->list("/b"), IsEmpty());
  EXPECT_EQ(m->names("/none").error().code, Code::kNotFound);
  EXPECT_FALSE(m->exists("/dangling"));
  EXPECT_EQ(m->lstat("/dangling").value().kind, NodeKind::kLink);
  EXPECT_EQ(m->read_link("/dangling").value(), "/nowhere");
  EXPECT_EQ(m->stat("/a").value().kind, NodeKind::kFolder);
}

TEST(ManifestTest, ADigestStandsForAFile) {
  const Digest size{"size", [](std::span<const std::byte> bytes, const std::string& path) {
                      return path + " has " + std::to_string(bytes.size());
                    }};
  const char* text = "raw /a = 12345\ndigest /b size = two\\nlines\nfolder /c\n";
  auto m = machine(text);
  EXPECT_EQ(m->digest("/a", size).value(), "/a has 5");
  EXPECT_EQ(m->digest("/b", size).value(), "two\nlines");
  EXPECT_EQ(m->digest("/none", size).error().code, Code::kNotFound);
  EXPECT_FALSE(m->digest("/c", size));
  const Digest long_one{"long", [](std::span<const std::byte>, const std::string&) {
                          return std::string(Machine::kMostText + 1, 'x');
                        }};
  EXPECT_EQ(m->digest("/a", long_one).error().code, Code::kTooLarge);
  // The same from its own text, and from a folder.
  auto again = simulated_machine(parsed(to_manifest(parsed(text), true)));
  EXPECT_EQ(again->digest("/b", size).value(), "two\nlines");
  TemporaryFolder folder;
  ASSERT_TRUE(expand_manifest(parsed(text), folder.path()));
  auto tree = machine_of_tree(folder.path());
  ASSERT_TRUE(tree) << tree.error().message;
  EXPECT_EQ((*tree)->digest("/a", size).value(), "/a has 5");
  EXPECT_EQ((*tree)->digest("/b", size).value(), "two\nlines");
  EXPECT_THAT(refusal("folder /a\ndigest /a size = x\n"), HasSubstr("not a file"));
  EXPECT_THAT(refusal("digest /a size\n"), HasSubstr("PATH NAME = TEXT"));
}

TEST(ManifestTest, TheDeviceTreeIsWhereLinuxHasIt) {
  auto m = machine("dt compatible = a,b\\0c,d\n");
  EXPECT_EQ(m->read_text("/proc/device-tree/compatible").value(), std::string("a,b\0c,d\0", 8));
  EXPECT_EQ(m->read_link("/proc/device-tree").value(), "/sys/firmware/devicetree/base");
}

TEST(ManifestTest, NodesAndWhoMayOpenThem) {
  auto m = machine(
      "user 1000 1000,44\n"
      "char /dev/a 226:1 0660 0:44\nchar /dev/b 226:2 0660 0:45\nchar /dev/c 226:3 0600 1000:0\n"
      "char /dev/d 226:4 0660 0:45\naccess /dev/d yes\n"
      "file /secret 0600 = x\n");
  EXPECT_EQ(m->stat("/dev/a").value().minor, 1U);
  EXPECT_TRUE(m->may_open("/dev/a"));
  EXPECT_FALSE(m->may_open("/dev/b"));
  EXPECT_TRUE(m->may_open("/dev/c"));
  EXPECT_TRUE(m->may_open("/dev/d"));
  EXPECT_EQ(m->read_text("/secret").error().code, Code::kPermission);
}

TEST(ManifestTest, AnswersOfDrivers) {
  auto m = machine(
      "user 1000 44\n"
      "char /dev/a 226:1 0660 0:44\nanswer /dev/a drm-version = rknpu\\t0.9.8\n"
      "answer /dev/a rknpu-action 1 = 908\nanswer /dev/a rknpu-action 2 ! EIO\n"
      "char /dev/b 226:2 0660 0:44\nanswer /dev/b open ! EPERM\nanswer /dev/b drm-version = x\n"
      "char /dev/c 226:3 0600 0:0\nanswer /dev/c drm-version = x\n"
      "file /dev/f = x\n");
  EXPECT_EQ(m->ask("/dev/a", {Question::kDrmVersion}).value(), "rknpu\t0.9.8");
  EXPECT_EQ(m->ask("/dev/a", {Question::kRknpuAction, 1}).value(), "908");
  EXPECT_EQ(m->ask("/dev/a", {Question::kRknpuAction, 2}).error().system_errno, EIO);
  EXPECT_EQ(m->ask("/dev/a", {Question::kRknpuAction, 3}).error().system_errno, ENOTTY);
  EXPECT_TRUE(m->ask("/dev/a", {Question::kOpen}));
  EXPECT_EQ(m->ask("/dev/b", {Question::kDrmVersion}).error().system_errno, EPERM);
  EXPECT_EQ(m->ask("/dev/c", {Question::kDrmVersion}).error().code, Code::kPermission);
  EXPECT_EQ(m->ask("/dev/f", {Question::kOpen}).error().code, Code::kInvalid);
  EXPECT_EQ(m->ask("/dev/none", {Question::kOpen}).error().code, Code::kNotFound);
}

TEST(ManifestTest, PciModulesLogAndLibraries) {
  auto m = machine(
      "arch aarch64\nkernel 6.18.3-current\n"
      "pci 0000:c4:00.1 1022:17f0:11 driver=amdxdna runtime=suspended\n"
      "module rocket\nmodule rknpu 0.9.8 built-in\n"
      "kmsg [    1.000000] a\\x01\nkmsg [    2.000000] b\n"
      "elf /usr/lib/libx.so arch=aarch64 soname=libx.so needed=libc.so.6,libm.so.6 glibc=2.38 "
      "text=\"x version: 1 \\\"q\\\"\" text=other\n"
      "env A=b\nenv C=d e\n");
  std::string device = "/sys/bus/pci/devices/0000:c4:00.1";
  EXPECT_EQ(m->read_text(device + "/device").value(), "0x17f0\n");
  EXPECT_EQ(m->read_text(device + "/power/runtime_status").value(), "suspended\n");
  EXPECT_EQ(m->read_text("/sys/bus/pci/drivers/amdxdna/0000:c4:00.1/vendor").value(), "0x1022\n");
  EXPECT_EQ(m->read_text(device + "/driver/0000:c4:00.1/vendor").value(), "0x1022\n");
  EXPECT_TRUE(module(*m, "rocket").present);
  EXPECT_EQ(module(*m, "rknpu").version, "0.9.8");
  EXPECT_EQ(m->read_text("/proc/modules").value(), "rocket 65536 0 - Live 0x0000000000000000\n");
  EXPECT_EQ(kernel_at_least(*m, 6, 18), true);
  EXPECT_EQ(kernel_at_least(*m, 7, 0), false);
  EXPECT_EQ(m->kernel_log().lines.size(), 2U);
  std::string_view wanted[] = {"x version: "};
  auto facts = m->elf("/usr/lib/libx.so", wanted).value();
  EXPECT_EQ(facts.glibc, "2.38");
  EXPECT_THAT(facts.needed, ElementsAre("libc.so.6", "libm.so.6"));
  EXPECT_THAT(facts.texts, ElementsAre("x version: 1 \"q\""));
  EXPECT_EQ(environment_variable(*m, "C"), "d e");
}

TEST(ManifestTest, FailuresAndMissingLogs) {
  auto m = machine("fail /proc/slow ETIMEDOUT\nkmsg-none dmesg_restrict is 1\n");
  EXPECT_EQ(m->read_text("/proc/slow").error().system_errno, ETIMEDOUT);
  EXPECT_EQ(m->names("/proc/slow").error().system_errno, ETIMEDOUT);
  EXPECT_FALSE(m->kernel_log().readable());
  EXPECT_EQ(m->kernel_log().why_not, "dmesg_restrict is 1");
}

TEST(ManifestTest, ABaseIsChangedByLaterLines) {
  TemporaryFolder folder;
  std::ofstream(folder / "well.machine")
      << "machine Well\nchar /dev/x/a 1:1 0660 0:44\nchar /dev/x/b 1:2 0660 0:44\n"
      << "answer /dev/x/a drm-version = x\nkmsg one\nexpect-exit 0\nexpect A\n";
  std::ofstream(folder / "ill.machine")
      << "machine Ill\nbase well\nremove /dev/x/a\nchar /dev/x/b 1:2 0600 0:0\nexpect B dev0\n";
  auto ill = load_manifest(folder / "ill.machine");
  ASSERT_TRUE(ill) << ill.error().message;
  EXPECT_EQ(ill->title, "Ill");
  ASSERT_EQ(ill->expected.size(), 1U);
  EXPECT_EQ(ill->expected[0].device, "dev0");
  EXPECT_FALSE(ill->expected_exit);
  auto m = simulated_machine(*ill);
  EXPECT_FALSE(m->exists("/dev/x/a"));
  EXPECT_EQ(m->stat("/dev/x/b").value().permissions, 0600U);
  std::ofstream(folder / "self.machine") << "base self\n";
  EXPECT_THAT(load_manifest(folder / "self.machine").error().message, HasSubstr("base of itself"));
  std::ofstream(folder / "up.machine") << "base ../well\n";
  EXPECT_FALSE(load_manifest(folder / "up.machine"));
}

TEST(ManifestTest, MistakesAreNamedWithTheirLine) {
  EXPECT_EQ(refusal("# c\n\nwhat ever\n"), "line 3: \"what\" is no kind of line");
  EXPECT_THAT(refusal("file a = x"), HasSubstr("not an absolute path"));
  EXPECT_THAT(refusal("file /a/../b = x"), HasSubstr("\"..\""));
  EXPECT_THAT(refusal("char /a 1 0600 0:0"), HasSubstr("MAJOR:MINOR"));
  EXPECT_THAT(refusal("char /a 1:1 9 0:0"), HasSubstr("not a number"));
  EXPECT_THAT(refusal("file /a = \\q"), HasSubstr("unknown escape"));
  EXPECT_THAT(refusal("remove /a"), HasSubstr("not there to be removed"));
  EXPECT_THAT(refusal("answer /a what = x"), HasSubstr("no question"));
  EXPECT_THAT(refusal("base x"), HasSubstr("not possible here"));
  EXPECT_THAT(refusal("| x"), HasSubstr("without a file"));
}

TEST(ManifestTest, WritesWhatItReads) {
  std::string text =
      "machine M\nuser 1000 1000,44\nnow 5\nfile /a 0600 1:2 = x\\ty\nlink /l -> a\nfolder /e\n"
      "char /d 1:2 0660 0:44\naccess /d no\nsocket /s 0600 0:0\nfail /f EIO\nkmsg a\\\\b\n"
      "answer /d drm-version = x\\ty\nanswer /d open ! EPERM\n"
      "elf /lib/l.so arch=arm needed=a,b text=\"a \\\"b\\\" \\\\\"\n";
  MachineDescription once = parsed(text);
  std::string written = to_manifest(once, true);
  EXPECT_EQ(to_manifest(parsed(written), true), written);
  EXPECT_EQ(simulated_machine(parsed(written))->read_text("/l").error().code, Code::kPermission);
  EXPECT_THAT(written, HasSubstr("raw /a 0600 1:2 = x\\ty\\n\n"));
}

TEST(ManifestTest, ExpandsToAFolderThatIsTheSameMachine) {
  TemporaryFolder folder;
  MachineDescription description = parsed(
      "arch aarch64\nuser 1000 1000\nfile /proc/x = 1\nlink /y -> /proc/x\nfolder /empty\n"
      "char /dev/d 1:2 0660 0:1000\nelf /lib/l.so arch=arm\nfail /bad EIO\nkmsg k\n");
  ASSERT_TRUE(expand_manifest(description, folder.path()));
  auto tree = machine_at(folder.path());
  ASSERT_TRUE(tree) << tree.error().message;
  EXPECT_EQ((*tree)->read_text("/y").value(), "1\n");
  EXPECT_TRUE((*tree)->may_open("/dev/d"));
  EXPECT_EQ((*tree)->elf("/lib/l.so").value().architecture, "arm");
  EXPECT_EQ((*tree)->architecture(), "aarch64");
  EXPECT_EQ((*tree)->kernel_log().lines.size(), 1U);
  EXPECT_EQ((*tree)->read_text("/bad").error().system_errno, EIO);
  EXPECT_THAT((*tree)->list("/"), ElementsAre("bad", "dev", "empty", "lib", "proc", "y"));
}

}  // namespace
}  // namespace anynpu::host
