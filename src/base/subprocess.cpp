// SPDX-License-Identifier: Apache-2.0
// Other programs, run to their end with limits on time and on what they print.
#include "base/subprocess.h"

#include <array>
#include <cstdlib>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

extern char** environ;

namespace anynpu {
namespace {

constexpr int kLooksForTheKilled = 200;  // each after 10 ms

struct Pipe {
  Fd read_end, write_end;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

// Appends what can be read now. False at the end of the stream.
bool drain(int fd, std::string& into) {
  std::array<char, 65536> block{};
  ssize_t got = ::read(fd, block.data(), block.size());
  if (got > 0) into.append(block.data(), static_cast<std::size_t>(got));
  return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

// Whoever takes our children's states before us (SIGCHLD ignored) leaves none: it has ended then.
bool has_ended(pid_t pid, int& status) {
  const pid_t ended = ::waitpid(pid, &status, WNOHANG);
  return ended == pid || (ended < 0 && errno == ECHILD);
}

}  // namespace

Result<CommandResult> run_command(const std::vector<std::string>& arguments,
                                  const CommandOptions& options) {
  // An emulator's vfork cannot tell that the program was not there.
  if (arguments[0].find('/') == std::string::npos && !has_command(arguments[0]))
    return system_error("cannot run " + arguments[0], ENOENT).with_hint("install " + arguments[0]);
  ANYNPU_TRY(out, make_pipe());
  ANYNPU_TRY(err, make_pipe());
  Pipe in;
  if (!options.input.empty()) {
    ANYNPU_TRY(made, make_pipe());
    in = std::move(made);
    // Written before anybody reads: what a pipe does not hold at once is refused, not waited for.
    ::fcntl(in.write_end.get(), F_SETFL, O_NONBLOCK);
    if (::write(in.write_end.get(), options.input.data(), options.input.size()) !=
        static_cast<ssize_t>(options.input.size()))
      return system_error("cannot give " + arguments[0] + " its input");
    in.write_end.reset();
  }

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (in.read_end)
    posix_spawn_file_actions_adddup2(&actions, in.read_end.get(), 0);
  else
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  if (options.output_file.empty())
    posix_spawn_file_actions_adddup2(&actions, out.write_end.get(), 1);
  else
    posix_spawn_file_actions_addopen(&actions, 1, options.output_file.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0644);
  posix_spawn_file_actions_adddup2(&actions, err.write_end.get(), 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t ignored_by_us;
  sigemptyset(&ignored_by_us);
  sigaddset(&ignored_by_us, SIGPIPE);
  sigaddset(&ignored_by_us, SIGXFSZ);
  posix_spawnattr_setsigdefault(&attributes, &ignored_by_us);

  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t pid = 0;
  int failed = ::posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) {
    Error error = system_error("cannot run " + arguments[0], failed);
    return failed == ENOENT ? std::move(error).with_hint("install " + arguments[0]) : error;
  }
  out.write_end.reset();
  err.write_end.reset();

  CommandResult result;
  TimePoint deadline = Clock::now() + options.timeout;
  Code ended = Code::kInternal;
  bool out_open = true, err_open = true;
  int status = 0;
  // A command may close what it prints to and go on.
  while (out_open || err_open || !has_ended(pid, status)) {
    std::array<pollfd, 2> ready{pollfd{out_open ? out.read_end.get() : -1, POLLIN, 0},
                                pollfd{err_open ? err.read_end.get() : -1, POLLIN, 0}};
    ::poll(ready.data(), ready.size(), out_open || err_open ? 100 : 2);
    if (ready[0].revents != 0) out_open = drain(out.read_end.get(), result.output);
    if (ready[1].revents != 0) err_open = drain(err.read_end.get(), result.errors);
    if (result.errors.size() > 8192) result.errors.erase(0, result.errors.size() - 4096);
    if (options.while_running) options.while_running();
    if (result.output.size() > options.most_output) ended = Code::kTooLarge;
    if (Clock::now() > deadline) ended = Code::kTimeout;
    if (options.stop.stop_requested()) ended = Code::kCancelled;
    if (ended != Code::kInternal) {
      ::kill(-pid, SIGKILL);
      // One that hangs in the kernel does not end by SIGKILL either, and is left behind.
      for (int i = 0; i < kLooksForTheKilled && !has_ended(pid, status); ++i) ::usleep(10000);
      break;
    }
  }
  if (ended == Code::kCancelled) return Error{ended, arguments[0] + " was stopped"};
  if (ended == Code::kTimeout)
    return Error{ended, fmt::format("{} took longer than {:.0f} s", arguments[0],
                                    to_ms(options.timeout) / 1000)};
  if (ended == Code::kTooLarge)
    return Error{ended, fmt::format("{} printed more than {}", arguments[0],
                                    human_bytes(options.most_output))};
  result.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

bool has_command(const std::string& name) {
  const char* path = std::getenv("PATH");
  for (const std::string& folder : split(path != nullptr ? path : "/usr/bin:/bin", ':'))
    if (::access((folder + "/" + name).c_str(), X_OK) == 0) return true;
  return false;
}

}  // namespace anynpu
