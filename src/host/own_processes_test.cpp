// SPDX-License-Identifier: Apache-2.0
// Records of processes, orphans among them, and that a number used again is never signalled.
#include "host/own_processes.h"

#include <cstring>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

extern char** environ;

namespace anynpu::host {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class OwnProcesses : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "anynpu-own-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    ::setenv("ANYNPU_RUN_DIR", folder_.c_str(), 1);
  }
  void TearDown() override {
    for (pid_t child : children_) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
    ::unsetenv("ANYNPU_RUN_DIR");
    fs::remove_all(folder_);
  }
  pid_t sleeper() {
    std::string program = "sleep", time = "600";
    char* argv[] = {program.data(), time.data(), nullptr};
    pid_t pid = 0;
    EXPECT_EQ(::posix_spawnp(&pid, "sleep", nullptr, nullptr, argv, environ), 0);
    children_.push_back(pid);
    return pid;
  }
  // One that can still be moved to another group, which a new program cannot.
  pid_t paused() {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::pause();
      ::_exit(0);
    }
    children_.push_back(pid);
    return pid;
  }
  // As an earlier server would have left it: its parent is gone.
  void orphan(const ProcessId& process) {
    std::ifstream boot("/proc/sys/kernel/random/boot_id");
    std::string id;
    boot >> id;
    std::ofstream(folder_ / "process-1-1.json")
        << R"({"process":{"pid":)" << process.pid << R"(,"started":)" << process.started
        << R"(},"parent":{"pid":)" << ::getpid()
        << R"(,"started":1},"role":"worker","device":"rknpu0","boot":")" << id
        << R"(","pid_namespace":")" << fs::read_symlink("/proc/self/ns/pid").string() << "\"}";
  }

  fs::path folder_;
  std::vector<pid_t> children_;
};

TEST_F(OwnProcesses, ARecordLastsAsLongAsItsOwner) {
  pid_t child = sleeper();
  {
    ProcessRecord record(child, "worker", "rknpu0");
    auto found = find_leftovers(folder_);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_THAT(found->orphans, IsEmpty());
    EXPECT_THAT(found->files, IsEmpty());
    ASSERT_THAT(found->looked_after, SizeIs(1));
    EXPECT_EQ(found->looked_after[0].process.pid, child);
    EXPECT_EQ(found->looked_after[0].device, "rknpu0");
    EXPECT_EQ(found->looked_after[0].parent.pid, ::getpid());
  }
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(OwnProcesses, AnOrphanIsFoundAndEnded) {
  pid_t child = sleeper();
  auto id = process_id(child);
  ASSERT_TRUE(id);
  orphan(*id);
  auto found = find_leftovers(folder_);
  ASSERT_TRUE(found);
  ASSERT_THAT(found->orphans, SizeIs(1));
  EXPECT_EQ(found->orphans[0].process, *id);
  EXPECT_TRUE(end_process(*id, seconds(10)));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  children_.clear();
  EXPECT_TRUE(WIFSIGNALED(status));
  found = find_leftovers(folder_);
  ASSERT_TRUE(found);
  EXPECT_THAT(found->orphans, IsEmpty());
  EXPECT_THAT(found->files, SizeIs(1));
}

TEST_F(OwnProcesses, ANumberUsedAgainIsNotOurs) {
  pid_t child = sleeper();
  auto id = process_id(child);
  ASSERT_TRUE(id);
  ProcessId earlier{child, id->started - 1};
  orphan(earlier);
  auto found = find_leftovers(folder_);
  ASSERT_TRUE(found);
  EXPECT_THAT(found->orphans, IsEmpty());
  EXPECT_THAT(found->files, SizeIs(1));
  auto sent = signal_process(earlier, SIGKILL);
  ASSERT_TRUE(sent);
  EXPECT_FALSE(*sent);
  EXPECT_TRUE(is_running(*id));
}

// Root reads the records of a service's user, who could write any: they count for that user's
// processes only.
TEST_F(OwnProcesses, AFolderSpeaksOfItsOwnersProcesses) {
  const bool root = ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(::chown(folder_.c_str(), 65534, static_cast<gid_t>(-1)), 0);
  }
  EXPECT_TRUE(run_folder());
  auto id = process_id(sleeper());
  ASSERT_TRUE(id);
  orphan(*id);
  auto found = find_leftovers(folder_);
  ASSERT_TRUE(found);
  EXPECT_THAT(found->orphans, SizeIs(root ? 0 : 1));
  EXPECT_THAT(found->files, IsEmpty());
}

TEST_F(OwnProcesses, AGroupIsSeenUntilItsLastProcessHasEnded) {
  const pid_t leader = paused(), other = paused();
  ASSERT_EQ(::setpgid(leader, leader), 0);
  ASSERT_EQ(::setpgid(other, leader), 0);
  EXPECT_THAT(processes_of_group(leader), ::testing::UnorderedElementsAre(leader, other));
  ::kill(leader, SIGKILL);
  ::waitpid(leader, nullptr, 0);
  EXPECT_THAT(processes_of_group(leader), ElementsAre(other));
  ::kill(other, SIGKILL);
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(other), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_THAT(processes_of_group(leader), IsEmpty()) << "it has ended, though nobody has asked";
  ::waitpid(other, nullptr, 0);
  children_.clear();
}

TEST_F(OwnProcesses, AProcessThatEndedIsNotRunning) {
  pid_t child = sleeper();
  auto id = process_id(child);
  ASSERT_TRUE(id);
  EXPECT_TRUE(is_running(*id));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  children_.clear();
  EXPECT_FALSE(is_running(*id));
}

TEST_F(OwnProcesses, BrokenRecordsAndDeadSocketsAreLeftovers) {
  std::ofstream(folder_ / "process-5-5.json") << "{\"process\":{\"pid\":-1}}";
  std::ofstream(folder_ / "notes.txt") << "not ours";
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::string path = (folder_ / "old.sock").string();
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(fd, 1), 0);
  auto found = find_leftovers(folder_);
  ASSERT_TRUE(found);
  EXPECT_THAT(found->files, ElementsAre(folder_ / "process-5-5.json"));
  ::close(fd);
  found = find_leftovers(folder_);
  ASSERT_TRUE(found);
  EXPECT_THAT(found->files,
              ::testing::UnorderedElementsAre(folder_ / "process-5-5.json", folder_ / "old.sock"));
}

TEST_F(OwnProcesses, AFolderOfSomebodyElseIsRefused) {
  fs::permissions(folder_, fs::perms::all);
  auto folder = run_folder();
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, Code::kPermission);
}

TEST_F(OwnProcesses, TheFirstProcessOfAContainerMayBeTheParent) {
  const ProcessId child = *process_id(sleeper());
  orphan(child);
  auto text = read_text(folder_ / "process-1-1.json");
  ASSERT_TRUE(text);
  const std::string ours = fmt::format(R"("parent":{{"pid":{})", ::getpid());
  ASSERT_NE(text->find(ours), std::string::npos);
  text->replace(text->find(ours), ours.size(), R"("parent":{"pid":1)");
  std::ofstream(folder_ / "process-1-1.json") << *text;
  auto found = find_leftovers(folder_);
  ASSERT_TRUE(found);
  EXPECT_THAT(found->files, IsEmpty());
  ASSERT_THAT(found->orphans, SizeIs(1));
  EXPECT_EQ(found->orphans[0].process, child);
}

// The machine's own view, in which the processes of containers have other numbers.
class OfContainers : public OwnProcesses {
 protected:
  void SetUp() override {
    OwnProcesses::SetUp();
    proc_ = folder_ / "proc";
    see("self", "pid:[4026531836]", "");
  }
  void see(const std::string& process, const std::string& space, const std::string& numbers) {
    fs::create_directories(proc_ / process / "ns");
    fs::create_symlink(space, proc_ / process / "ns/pid");
    std::ofstream(proc_ / process / "status") << "Name:\tanynpu\nNSpid:\t" << numbers << "\nx\n";
  }
  // The worker has the number 7 in its container, and 1 started it.
  void record(std::uint64_t started, std::uint64_t parent_started) {
    std::ifstream boot("/proc/sys/kernel/random/boot_id");
    std::string id;
    boot >> id;
    std::ofstream(folder_ / "process-7-1.json")
        << R"({"process":{"pid":7,"started":)" << started << R"(},"parent":{"pid":2,"started":)"
        << parent_started << R"(},"role":"worker","device":"rknpu0","boot":")" << id
        << R"(","pid_namespace":"pid:[4026532001]"})";
  }
  fs::path proc_;
};

TEST_F(OfContainers, AWorkerThatOutlivedItsContainerIsAnOrphanByOurNumber) {
  const pid_t child = sleeper();
  record(process_id(child)->started, 1);
  see(std::to_string(child), "pid:[4026532001]", std::to_string(child) + "\t7");
  auto found = find_leftovers(folder_, proc_);
  ASSERT_TRUE(found);
  ASSERT_THAT(found->orphans, SizeIs(1));
  EXPECT_EQ(found->orphans[0].process, *process_id(child));
  EXPECT_THAT(found->files, IsEmpty());
}

TEST_F(OfContainers, ARunningContainersWorkerIsLookedAfter) {
  const pid_t child = sleeper(), parent = sleeper();
  record(process_id(child)->started, process_id(parent)->started);
  see(std::to_string(child), "pid:[4026532001]", std::to_string(child) + "\t7");
  see(std::to_string(parent), "pid:[4026532001]", std::to_string(parent) + "\t2");
  auto found = find_leftovers(folder_, proc_);
  ASSERT_TRUE(found);
  EXPECT_THAT(found->orphans, IsEmpty());
  EXPECT_THAT(found->looked_after, SizeIs(1));
}

TEST_F(OfContainers, TheRecordOfAContainerThatIsGoneIsLeftOver) {
  record(1, 1);
  auto found = find_leftovers(folder_, proc_);
  ASSERT_TRUE(found);
  EXPECT_THAT(found->files, ElementsAre(folder_ / "process-7-1.json"));
}

TEST_F(OfContainers, AnotherContainerKnowsNothingOfThem) {
  record(1, 1);
  fs::remove(proc_ / "self/ns/pid");
  fs::create_symlink("pid:[4026532777]", proc_ / "self/ns/pid");
  auto found = find_leftovers(folder_, proc_);
  ASSERT_TRUE(found);
  EXPECT_THAT(found->files, IsEmpty());
  EXPECT_THAT(found->orphans, IsEmpty());
}

}  // namespace
}  // namespace anynpu::host
