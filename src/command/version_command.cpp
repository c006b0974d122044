// SPDX-License-Identifier: Apache-2.0
// `anynpu version`: what this program is and what it was built with.
#include <fmt/format.h>

#include "base/version.h"
#include "command/command.h"

namespace anynpu::command {
namespace {

std::string compiler() {
#if defined(__clang__)
  return fmt::format("Clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  return fmt::format("GCC {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
}

std::string architecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#else
  return "other";
#endif
}

int print_version(const CommandContext& context) {
  auto report = context.report();
  report->line(fmt::format("anynpu {} ({}, {})", kVersion, architecture(), compiler()));
  report->data("name", "anynpu");
  report->data("version", kVersion);
  report->data("architecture", architecture());
  report->data("compiler", compiler());
  report->finish();
  return kExitOk;
}

}  // namespace

void add_version_command(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand("version", "Print the version of anynpu");
  command->footer("Examples:\n  anynpu version\n  anynpu version --json");
  on_chosen(*command, context, print_version);
}

}  // namespace anynpu::command
