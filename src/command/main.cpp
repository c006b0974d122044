// SPDX-License-Identifier: Apache-2.0
// Parses the command line and runs the command that it names.
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/log.h"
#include "base/tell.h"
#include "command/command_line.h"
#include "command/output.h"
#include "engine/axmodel_facts.h"
#include "host/machine.h"
#include "runtime/worker_main.h"

namespace anynpu::command {
namespace {

/// What standard output could not take changes the exit code, unless the reader had enough of it.
int close_output(int exit_code) {
  standard_output().flush();
  int number = standard_output_errno();
  if (number == 0 || number == EPIPE) return exit_code;
  tell("error: standard output: {}\n", std::strerror(number));
  return kExitFailed;
}

int parse_and_run(const std::vector<std::string>& arguments) {
  CommandContext context;
  std::unique_ptr<CLI::App> root = command_line(context);
  if (arguments.empty()) {
    tell("{}", root->help());
    return kExitUsage;
  }
  try {
    root->parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // backwards
  } catch (const CLI::CallForHelp&) {
    standard_output() << root->help();
    return kExitOk;
  } catch (const CLI::CallForVersion& version) {
    standard_output() << version.what() << '\n';
    return kExitOk;
  } catch (const CLI::ParseError& refusal) {
    return context.fail_usage(explain_refusal(*root, arguments, refusal.what()));
  }
  if (auto logging = log::set_up(context.log_level); !logging)
    return context.fail_usage(logging.error());
  if (auto machine = host::check_environment(); !machine)
    return context.fail_usage(machine.error());
  if (!context.action) return context.fail_usage(explain_refusal(*root, arguments, "no command"));
  return context.action(context);
}

}  // namespace
}  // namespace anynpu::command

int main(int argc, char** argv) {
  using namespace anynpu;
  // A parent that ignores the ends of its children passes that on, and then nobody can wait for
  // one.
  std::signal(SIGCHLD, SIG_DFL);
  // First of all, because a worker's start is on the way of every model.
  if (argc >= 4 && std::string_view(argv[1]) == "worker" &&
      std::string_view(argv[2]) == "--control-fd")
    return runtime::worker_main(std::atoi(argv[3]));
  if (argc == 4 && std::string_view(argv[1]) == engine::axcl::kCardFactsWord)
    return engine::axcl::card_facts_main(argv[2], std::atoi(argv[3]));

  // Writing to a reader that has gone away, or more than a file may have, is an error and not the
  // end.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  int exit_code = kExitFailed;
  try {
    exit_code = command::parse_and_run({argv + 1, argv + argc});
  } catch (const std::exception& bug) {
    tell("error: {}\nhint: this is a bug of anynpu; please report it\n", bug.what());
  }
  return command::close_output(exit_code);
}
