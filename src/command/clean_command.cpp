// SPDX-License-Identifier: Apache-2.0
// `anynpu clean`: remove what an anynpu that was killed left behind, and nothing else.
#include <memory>

#include <fmt/format.h>
#include <unistd.h>

#include "command/command.h"
#include "host/own_processes.h"

namespace anynpu::command {
namespace {

constexpr auto kPatience = seconds(3);

struct CleanOptions {
  bool dry_run = false;
};

int clean(const CleanOptions& options, const CommandContext& context) {
  auto folder = host::run_folder();
  if (!folder) return context.fail(folder.error());
  auto found = host::find_leftovers(*folder);
  if (!found) return context.fail(found.error());

  bool all = true;
  std::vector<std::vector<Cell>> processes, files;
  for (const host::OwnProcess& orphan : found->orphans) {
    const bool ended = !options.dry_run && host::end_process(orphan.process, kPatience);
    all = all && (ended || options.dry_run);
    processes.push_back({orphan.process.pid, orphan.role, orphan.device,
                         options.dry_run ? "left over"
                         : ended         ? "ended"
                                         : "cannot be ended"});
  }
  // The records of those that were just ended are left over now as well.
  if (!options.dry_run && !found->orphans.empty()) {
    auto again = host::find_leftovers(*folder);
    if (again) found->files = again->files;
  }
  for (const auto& file : found->files) {
    const bool removed = !options.dry_run && ::unlink(file.c_str()) == 0;
    all = all && (removed || options.dry_run);
    files.push_back({file.string(), options.dry_run ? "left over"
                                    : removed       ? "removed"
                                                    : "cannot be removed"});
  }
  auto report = context.report();
  report->fact("folder", "Folder", folder->string());
  report->fact("running", "Processes in order", found->looked_after.size());
  report->table(
      "processes",
      {{"pid", "PROCESS", true}, {"role", "ROLE"}, {"device", "DEVICE"}, {"state", "STATE"}},
      processes);
  report->table("files", {{"file", "FILE"}, {"state", "STATE"}}, files);
  if (processes.empty() && files.empty()) report->line("nothing is left over");
  report->finish();
  return all ? kExitOk : kExitFailed;
}

}  // namespace

void add_clean_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<CleanOptions>();
  CLI::App* command = app.add_subcommand(
      "clean", "Remove what an anynpu that was killed left behind: processes, records, sockets");
  command->add_flag("--dry-run", options->dry_run, "only show it");
  command->footer(
      "A process is anynpu's only when its number and its start time are those of its record.\n\n"
      "Examples:\n"
      "  anynpu clean --dry-run\n"
      "  anynpu clean");
  on_chosen(*command, context, [options](CommandContext& c) { return clean(*options, c); });
}

}  // namespace anynpu::command
