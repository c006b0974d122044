// SPDX-License-Identifier: Apache-2.0
// `anynpu bundle`: all that the checks read on this machine, in one file that can be mailed.
#include <memory>
#include <sstream>

#include <fmt/format.h>

#include "base/file.h"
#include "command/command.h"
#include "doctor/bundle.h"
#include "host/machine.h"

namespace anynpu::command {
namespace {

struct BundleOptions {
  std::string file = "anynpu-bundle.tar";
  std::string root;
};

int make_bundle(const BundleOptions& options, const CommandContext& context) {
  std::unique_ptr<host::Machine> machine = host::running_machine();
  if (!options.root.empty()) {
    auto other = host::machine_at(options.root);
    if (!other) return context.fail_usage(other.error());
    machine = std::move(*other);
  }
  std::string bundle = doctor::make_bundle(*machine);
  if (auto written = write_file(options.file, bundle); !written)
    return context.fail(written.error());
  auto report = context.report();
  report->fact("file", "Bundle", Cell(options.file));
  report->fact("bytes", "Bytes", Cell(bundle.size()));
  report->line(fmt::format("Look into it before you send it: tar -tf {0}; tar -xOf {0} INDEX.txt",
                           options.file));
  report->finish();
  return kExitOk;
}

}  // namespace

void add_bundle_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<BundleOptions>();
  CLI::App* command = app.add_subcommand(
      "bundle", "Write all that the doctor reads into a file for others to look at");
  command->add_option("FILE", options->file, "a tar archive; anynpu-bundle.tar when not given");
  command
      ->add_option("--root", options->root,
                   "of a tree of files or a NAME.machine instead of this machine")
      ->type_name("DIR");
  command->footer(
      "Names of users, members of groups, most environment variables, names of files that other\n"
      "processes have open and addresses of network cards are left out.\n\n"
      "Examples:\n"
      "  anynpu bundle\n"
      "  anynpu doctor --bundle anynpu-bundle.tar");
  on_chosen(*command, context, [options](CommandContext& c) { return make_bundle(*options, c); });
}

}  // namespace anynpu::command
