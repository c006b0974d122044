// SPDX-License-Identifier: Apache-2.0
// `anynpu doctor`: is an NPU here, and if it cannot be used, the one root cause and its remedy.
#include <memory>

#include <fmt/format.h>

#include "base/text.h"
#include "command/command.h"
#include "doctor/checks.h"
#include "doctor/doctor.h"
#include "doctor/json.h"
#include "doctor/markdown.h"
#include "doctor/text.h"
#include "host/machine.h"
#include "npu/registry.h"

namespace anynpu::command {
namespace {

struct DoctorOptions {
  std::string family;
  std::string check;
  std::string root;
  std::string bundle;
  bool list_checks = false;
  bool strict = false;
  bool npd = false;
};

int list_checks(const CommandContext& context) {
  std::vector<std::vector<Cell>> rows;
  for (const npu::Check* check : doctor::all_checks()) {
    std::vector<std::string> premises(check->depends_on.begin(), check->depends_on.end());
    rows.push_back(
        {Cell(check->id),
         Cell(check->family.empty() ? Json() : Json(check->family), std::string(check->family)),
         Cell(npu::to_string(check->layer)), Cell(npu::to_string(check->severity)),
         Cell(check->title), Cell(Json(premises), "")});
  }
  auto report = context.report();
  report->table("checks",
                {{"id", "CHECK"},
                 {"family", "FAMILY"},
                 {"layer", "LAYER"},
                 {"severity", "SEVERITY"},
                 {"title", "WHAT HOLDS WHEN ALL IS WELL"},
                 {"depends_on", ""}},
                rows);
  report->finish();
  return kExitOk;
}

Error unknown_name(std::string_view what, const std::string& name,
                   const std::vector<std::string>& known) {
  std::string nearest = did_you_mean(name, known);
  Error error{Code::kNotFound, fmt::format("there is no {} {}", what, printable(name, 60))};
  return std::move(error).with_hint(nearest.empty() ? "`anynpu doctor --list-checks` shows them all"
                                                    : "did you mean " + nearest + "?");
}

Result<> check_names(const DoctorOptions& options) {
  if (!options.check.empty() && doctor::find_check(options.check) == nullptr) {
    std::vector<std::string> known;
    for (const npu::Check* check : doctor::all_checks()) known.emplace_back(check->id);
    return unknown_name("check", options.check, known);
  }
  if (options.family.empty()) return {};
  std::vector<std::string> known;
  for (const npu::Family& family : npu::families()) {
    if (options.family == family.name) return {};
    known.emplace_back(family.name);
  }
  return unknown_name("family", options.family, known);
}

/// node-problem-detector takes 0 for well, 1 for ill, 2 for unknown, and a short line.
int print_for_node_problem_detector(const doctor::Diagnosis& diagnosis,
                                    const CommandContext& context) {
  constexpr std::size_t kMostLine = 80;
  std::string line = doctor::summary(diagnosis);
  auto findings = diagnosis.findings();
  if (!findings.empty()) line = findings.front().id + ": " + findings.front().cause;
  context.out() << line.substr(0, kMostLine) << '\n';
  if (!diagnosis.failure.empty()) return 2;
  if (diagnosis.exit_code() == kExitFailed) return 1;
  return findings.empty() && !diagnosis.unknown().empty() && diagnosis.has_npu() ? 2 : 0;
}

int run_doctor(const DoctorOptions& options, const CommandContext& context) {
  if (options.list_checks) return list_checks(context);
  if (auto names = check_names(options); !names) return context.fail_usage(names.error());
  std::unique_ptr<host::Machine> machine = host::running_machine();
  std::string place = options.root.empty() ? options.bundle : options.root;
  if (!place.empty()) {
    auto other = host::machine_at(place);
    if (!other) return context.fail_usage(other.error());
    machine = std::move(*other);
  }
  doctor::Options how;
  how.family = options.family;
  how.check = options.check;
  doctor::Diagnosis diagnosis = doctor::diagnose(*machine, how);
  if (options.npd) return print_for_node_problem_detector(diagnosis, context);
  auto report = context.report();
  doctor::write(diagnosis, options.strict, *report);
  doctor::write_text(diagnosis, options.check, *report);
  report->finish();
  return diagnosis.exit_code(options.strict);
}

}  // namespace

void add_doctor_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App* command =
      app.add_subcommand("doctor", "Say which NPUs are here, and if one cannot be used, why");
  command->add_option("--family", options->family, "only the checks of one family")
      ->type_name("FAMILY");
  command->add_option("--check", options->check, "only one check, after what it depends on")
      ->type_name("ID");
  command->add_flag("--list-checks", options->list_checks, "show every check, and stop");
  command->add_flag("--strict", options->strict, "exit with 3 also when a check could not be made");
  auto* root = command
                   ->add_option("--root", options->root,
                                "look at a tree of files (DIR/proc, DIR/sys, DIR/dev) or a "
                                "NAME.machine instead of this machine")
                   ->type_name("DIR");
  command->add_option("--bundle", options->bundle, "look at a support bundle instead")
      ->type_name("FILE")
      ->excludes(root);
  command->add_flag("--npd", options->npd,
                    "one line and the exit code (0, 1, 2) that node-problem-detector expects");
  command->footer(
      "Nothing is changed on the machine, and no sleeping device is woken.\n\n"
      "Exit codes: 0 every NPU is usable, or there is none; 1 one is there but unusable; 2 the\n"
      "command line is wrong; 3 usable, with a finding that costs something.\n\n"
      "Examples:\n"
      "  anynpu doctor\n"
      "  anynpu doctor --check RK-NODE-PERM\n"
      "  anynpu explain RK-NODE-PERM");
  on_chosen(*command, context, [options](CommandContext& c) { return run_doctor(*options, c); });
}

void add_explain_command(CLI::App& app, CommandContext& context) {
  struct ExplainOptions {
    std::string id;
    bool markdown = false;
  };
  auto options = std::make_shared<ExplainOptions>();
  CLI::App* command = app.add_subcommand("explain", "Tell all that is known about a finding");
  auto* id = command->add_option("ID", options->id, "the id of a finding or of a check");
  command->add_flag("--markdown", options->markdown, "all findings, as docs/findings.md has them")
      ->excludes(id);
  command->footer("Example:\n  anynpu explain RK-NODE-PERM");
  on_chosen(*command, context, [options](CommandContext& c) {
    if (options->markdown) {
      c.out() << doctor::findings_markdown();
      return static_cast<int>(kExitOk);
    }
    if (options->id.empty())
      return c.fail_usage(Error{Code::kInvalid, "which finding? its id is missing"}.with_hint(
          "`anynpu doctor --list-checks` shows them all"));
    const npu::Check* check = doctor::find_check(options->id);
    if (check == nullptr) {
      DoctorOptions asked;
      asked.check = options->id;
      return c.fail_usage(check_names(asked).error());
    }
    auto report = c.report();
    doctor::explain(*check, *report);
    report->finish();
    return static_cast<int>(kExitOk);
  });
}

}  // namespace anynpu::command
