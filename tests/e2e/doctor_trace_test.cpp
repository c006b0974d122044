// SPDX-License-Identifier: Apache-2.0
// The doctor changes nothing: it runs under a filter of system calls that ends a process which
// opens anything for writing, or makes, removes, renames or alters anything.
#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/exit_codes.h"
#include "host/manifest.h"
#include "temporary_folder.h"

namespace anynpu {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;

const std::vector<long> kChanging = {
#ifdef SYS_open
    SYS_creat,       SYS_mkdir,        SYS_rmdir,         SYS_unlink,        SYS_rename,
    SYS_link,        SYS_symlink,      SYS_mknod,         SYS_chmod,         SYS_chown,
    SYS_lchown,      SYS_utime,        SYS_utimes,
#endif
    SYS_mkdirat,     SYS_unlinkat,     SYS_renameat2,     SYS_linkat,        SYS_symlinkat,
    SYS_mknodat,     SYS_fchmod,       SYS_fchmodat,      SYS_fchown,        SYS_fchownat,
    SYS_truncate,    SYS_ftruncate,    SYS_fallocate,     SYS_mount,         SYS_umount2,
    SYS_setxattr,    SYS_lsetxattr,    SYS_fsetxattr,     SYS_removexattr,   SYS_utimensat,
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_reboot,        SYS_sethostname,
    SYS_swapon,      SYS_swapoff,      SYS_settimeofday,  SYS_clock_settime, SYS_sched_setaffinity,
    SYS_setpriority,
};

constexpr unsigned kNumber = offsetof(seccomp_data, nr);
constexpr unsigned argument(unsigned index) {
  return static_cast<unsigned>(offsetof(seccomp_data, args) + index * 8);  // the low half
}
constexpr unsigned kWriting = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;

/// In the child: from here on a changing call ends the process with SIGSYS.
bool forbid_changes() {
  std::vector<sock_filter> program;
  auto statement = [&](unsigned code, unsigned value) {
    program.push_back(BPF_STMT(static_cast<__u16>(code), value));
  };
  auto jump = [&](unsigned code, unsigned value, unsigned yes, unsigned no) {
    program.push_back(
        BPF_JUMP(static_cast<__u16>(code), value, static_cast<__u8>(yes), static_cast<__u8>(no)));
  };
  auto forbid_open = [&](long number, unsigned flags) {
    statement(BPF_LD | BPF_W | BPF_ABS, kNumber);
    jump(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 3);
    statement(BPF_LD | BPF_W | BPF_ABS, argument(flags));
    jump(BPF_JMP | BPF_JSET | BPF_K, kWriting, 0, 1);
    statement(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  };
  forbid_open(SYS_openat, 2);
#ifdef SYS_open
  forbid_open(SYS_open, 1);
#endif
  statement(BPF_LD | BPF_W | BPF_ABS, kNumber);
  for (long number : kChanging) {
    jump(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1);
    statement(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  }
  statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/// The exit code; 128 + N when signal N ended it; 120 when the filter could not be set up.
int exit_of(const std::function<void()>& work, bool filtered = true) {
  pid_t child = ::fork();
  if (child == 0) {
    if (filtered && !forbid_changes()) ::_exit(120);
    work();
    ::_exit(121);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int run_program(const std::vector<std::string>& arguments, bool filtered = true) {
  std::vector<std::string> words = {ANYNPU_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return exit_of([&] { ::execv(argv[0], argv.data()); }, filtered);
}

std::string machine(const std::string& name) {
  return std::string(ANYNPU_SOURCE_DIR) + "/sim/machines/" + name + ".machine";
}

std::map<std::string, std::string> snapshot(const fs::path& folder) {
  std::map<std::string, std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    struct stat info {};
    ::lstat(entry.path().c_str(), &info);
    std::ostringstream text;
    text << info.st_mode << ' ' << info.st_size << ' ' << info.st_mtim.tv_sec << '.'
         << info.st_mtim.tv_nsec << ' ' << info.st_ctim.tv_nsec;
    found[entry.path().string()] = text.str();
  }
  return found;
}

TEST(DoctorTrace, TheFilterEndsWhoChangesSomething) {
  TemporaryFolder folder;
  std::string path = (folder / "new").string();
  EXPECT_EQ(exit_of([&] { ::mkdir(path.c_str(), 0700); }), 128 + SIGSYS);
  EXPECT_EQ(exit_of([&] { ::open(path.c_str(), O_WRONLY | O_CREAT, 0600); }), 128 + SIGSYS);
  EXPECT_EQ(exit_of([&] { ::open("/dev/null", O_RDWR); }), 128 + SIGSYS);
  EXPECT_EQ(exit_of([&] { ::open("/dev/null", O_RDONLY); }), 121);
  EXPECT_EQ(exit_of([&] { ::unlink(path.c_str()); }), 128 + SIGSYS);
}

TEST(DoctorTrace, OnThisMachine) {
  // Whatever there is to be found here, the filter does not keep it from it.
  const int code = run_program({"doctor", "--json"});
  EXPECT_THAT(code, AnyOf(kExitOk, kExitFailed, kExitDegraded));
  EXPECT_EQ(code, run_program({"doctor", "--json"}, false));
}

TEST(DoctorTrace, OnSimulatedMachines) {
  EXPECT_EQ(run_program({"doctor", "--root", machine("rk3588-vendor")}), 0);
  EXPECT_EQ(run_program({"doctor", "--root", machine("rk3588-two-faults")}), 1);
  EXPECT_EQ(run_program({"doctor", "--root", machine("rocket-ubuntu-26.04")}), 3);
  EXPECT_EQ(run_program({"doctor", "--npd", "--root", machine("rocket")}), 0);
  EXPECT_EQ(run_program({"devices", "--root", machine("rocket")}), 0);
}

TEST(DoctorTrace, ATreeIsAsBefore) {
  TemporaryFolder folder;
  auto description = host::load_manifest(machine("rk3588-vendor"));
  ASSERT_TRUE(description) << description.error().message;
  ASSERT_TRUE(host::expand_manifest(*description, folder.path()));
  auto before = snapshot(folder.path());
  EXPECT_EQ(run_program({"doctor", "--root", folder.path().string()}), 0);
  EXPECT_EQ(snapshot(folder.path()), before);
  EXPECT_GT(before.size(), 50U);
}

}  // namespace
}  // namespace anynpu
