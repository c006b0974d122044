// SPDX-License-Identifier: Apache-2.0
// `anynpu sim MACHINE -- COMMAND`: any command on a simulated machine.
#include <array>
#include <cstdlib>

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/tell.h"
#include "command/command.h"
#include "command/command_line.h"
#include "command/sim_plan.h"

namespace anynpu::command {
namespace {

struct SimOptions {
  std::string machine;
  std::vector<std::string> command;
  bool list = false;
};

int list_machines(const CommandContext& context) {
  const SimPlaces places = sim_places();
  const std::vector<std::string> machines = sim_machines(places);
  if (machines.empty()) return context.fail(no_machines(places));
  auto report = context.report();
  std::vector<std::vector<Cell>> rows;
  for (const std::string& name : machines) {
    auto plan = plan_sim({.machine = name, .stand_in = true}, places, {"devices"}, {"devices"});
    rows.push_back({name, plan ? plan->title.substr(0, plan->title.find(';')) : ""});
  }
  report->table("machines", {{"name", "MACHINE"}, {"title", "WHAT IT IS"}}, rows);
  report->finish();
  return kExitOk;
}

/// A folder that the simulated devices' processes share, removed at the end.
class StateFolder {
 public:
  StateFolder() {
    const char* base = std::getenv("TMPDIR");
    std::string pattern =
        std::string(base != nullptr && *base != '\0' ? base : "/tmp") + "/anynpu-sim-XXXXXX";
    if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~StateFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  StateFolder(const StateFolder&) = delete;
  StateFolder& operator=(const StateFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

volatile pid_t simulated = 0;

void pass_on(int number) {
  ::kill(simulated, number);
}

// In the child. Why it cannot be run goes into `report`, which is closed when it can.
[[noreturn]] void become(char* const* arguments, pid_t parent, const sigset_t& mask, int report) {
  for (const int number : {SIGINT, SIGQUIT, SIGPIPE}) ::signal(number, SIG_DFL);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // a killed sim leaves no server behind
  if (::getppid() != parent) ::_exit(127);
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  ::execvp(arguments[0], arguments);
  const int failed = errno;
  [[maybe_unused]] const ssize_t written = ::write(report, &failed, sizeof failed);
  ::_exit(127);
}

Result<int> run_and_wait(const std::vector<std::string>& command) {
  std::vector<std::string> words = command;
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  // Ctrl-C and the like are the command's to answer: it is in the same process group. SIGTERM comes
  // to one process, and is passed on as soon as there is somebody to pass it to.
  for (const int number : {SIGINT, SIGQUIT}) ::signal(number, SIG_IGN);
  sigset_t terminate, before;
  sigemptyset(&terminate);
  sigaddset(&terminate, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &terminate, &before);
  std::array<int, 2> ends = {};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("pipe");
  const Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  const pid_t parent = ::getpid();
  simulated = ::fork();
  if (simulated < 0) return system_error("cannot run " + command[0]);
  if (simulated == 0) become(argv.data(), parent, before, write_end.get());
  write_end.reset();
  ::signal(SIGTERM, pass_on);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  int failed = 0;
  const bool ran = ::read(read_end.get(), &failed, sizeof failed) != sizeof failed;
  int status = 0;
  while (::waitpid(simulated, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ran) return system_error("cannot run " + command[0], failed);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int simulate(const SimOptions& options, const CommandContext& context) {
  if (options.list) return list_machines(context);
  if (options.machine.empty() || options.command.empty())
    return context.fail_usage(Error{Code::kInvalid, "a machine and a command are needed", 0,
                                    "such as: anynpu sim rk3588-vendor -- devices"});
  auto request = parse_sim_request(options.machine);
  if (!request) return context.fail_usage(request.error());
  CommandContext unused;
  std::vector<std::string> own;
  const std::unique_ptr<CLI::App> root = command_line(unused);
  for (const CLI::App* command : visible_commands(*root)) own.push_back(command->get_name());
  auto plan = plan_sim(*request, sim_places(), options.command, own);
  if (!plan) return context.fail(plan.error());
  const StateFolder state;
  if (state.path().empty()) return context.fail(system_error("cannot make a temporary folder"));
  plan->environment.emplace_back("ANYNPU_SIM_STATE", state.path().string());
  if (!request->mended_by.empty())
    plan->environment.emplace_back("ANYNPU_SIM_CONTROL", (state.path() / "control").string());
  const std::string log = (state.path() / "kmsg").string();
  if (auto made = write_file(log, std::string_view()); !made) return context.fail(made.error());
  plan->environment.emplace_back("ANYNPU_SIM_KERNEL_LOG", log);
  plan->environment.emplace_back("ANYNPU_SIM_ROCKET", "kernel_log=" + log);
  for (const auto& [name, value] : plan->environment) {
    if (value.empty())
      ::unsetenv(name.c_str());
    else
      ::setenv(name.c_str(), value.c_str(), 1);
  }
  tell("simulated machine: {}\n", plan->title);
  auto code = run_and_wait(plan->command);
  return code ? *code : context.fail(code.error());
}

}  // namespace

void add_sim_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<SimOptions>();
  CLI::App* command = app.add_subcommand("sim", "Run any command on a simulated machine");
  command->add_option("MACHINE", options->machine,
                      "its name, and what else: NAME,fault=FAULT,mesa=SUITE,teflon=stand-in");
  command->add_option("COMMAND", options->command,
                      "after --: a command of anynpu, or another program, with its arguments");
  command->add_flag("--list", options->list, "list the machines that can be simulated");
  command->footer(
      "Devices, libraries and the kernel log are simulated; what is printed of them is not about "
      "this machine.\nThe board with the mainline kernel runs Debian's own arm64 Mesa over a "
      "modelled NPU, which needs anynpu's\nsource folder (docs/sim-rocket.md); teflon=stand-in "
      "does without both.\n\n"
      "Examples:\n"
      "  anynpu sim --list\n"
      "  anynpu sim rk3588-vendor -- doctor\n"
      "  anynpu sim rk3588-mainline -- run mobilenet_v1 cat.jpg\n"
      "  anynpu sim rk3588-mainline,fault=timeout:one-in=50 -- serve");
  on_chosen(*command, context, [options](CommandContext& c) { return simulate(*options, c); });
}

}  // namespace anynpu::command
