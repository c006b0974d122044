// SPDX-License-Identifier: Apache-2.0
// `anynpu manual` (hidden): the man page, written from the tree of commands, so that it lacks none;
// `anynpu manual | man -l -` shows it.
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "command/command.h"
#include "command/command_line.h"

namespace anynpu::command {
namespace {

struct ExitLine {
  ExitCode code;
  std::string_view meaning;
};
constexpr std::array<ExitLine, 5> kExitLines = {
    {{kExitOk, "Everything was done."},
     {kExitFailed, "The work could not be done."},
     {kExitUsage, "The command line is wrong."},
     {kExitDegraded,
      "Done, but not as wanted: some pictures failed, a target was missed, an NPU is degraded."},
     {kExitInterrupted, "Interrupted with Ctrl-C."}}};

// roff takes a leading dot or quote for a request, and "-" for a hyphen.
std::string roff(std::string_view text) {
  std::string out;
  bool line_start = true;
  for (char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
    line_start = c == '\n';
  }
  return out;
}

std::string option_line(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_lnames())
    names.push_back("\\fB" + roff("--" + name) + "\\fR");
  for (const std::string& name : option.get_snames())
    names.push_back("\\fB" + roff("-" + name) + "\\fR");
  if (names.empty()) names.push_back("\\fI" + option.get_name() + "\\fR");
  std::string line = join(names, ", ");
  if (std::string value = value_name(option); !value.empty())
    line += " \\fI" + roff(value) + "\\fR";
  return fmt::format(".TP\n{}\n{}.\n", line, roff(option.get_description()));
}

bool is_common(const CLI::Option& option) {
  return option.get_group() == "Common options";
}

void write_options(std::string& page, const CLI::App& command, bool common) {
  for (bool positional : {true, false})
    for (const CLI::Option* option : command.get_options())
      if (!option->get_group().empty() && is_common(*option) == common &&
          option->nonpositional() != positional)
        page += option_line(*option);
}

std::string synopsis(const CLI::App& command) {
  std::string line = ".B " + roff(full_name(command)) + "\n";
  if (!visible_commands(command).empty()) line += "COMMAND\n";
  line += "[OPTIONS]\n";
  for (const CLI::Option* option : command.get_options())
    if (!option->nonpositional())
      line += option->get_name() + (option->get_items_expected_max() > 1 ? "...\n" : "\n");
  return line;
}

void write_command(std::string& page, const CLI::App& command) {
  page += fmt::format(".SS {}\n{}.PP\n{}.\n", roff(full_name(command)), synopsis(command),
                      roff(command.get_description()));
  write_options(page, command, false);
  if (std::string footer = command.get_footer(); !footer.empty())
    page += ".PP\n.nf\n" + roff(footer) + "\n.fi\n";
  for (const CLI::App* below : visible_commands(command)) write_command(page, *below);
}

std::string manual(const CLI::App& root) {
  std::string page =
      ".\\\" Printed by: anynpu manual\n"
      ".TH ANYNPU 1\n"
      ".SH NAME\n"
      "anynpu \\- run models on the NPU of this machine, and on the CPU when there is none\n"
      ".SH SYNOPSIS\n";
  page += synopsis(root) + ".SH DESCRIPTION\n" + roff(root.get_description()) +
          "\nEvery answer says on which device and by which engine it was found, and why no NPU "
          "was used when "
          "none was.\n.PP\n.nf\n" +
          roff(root.get_footer()) + "\n.fi\n.SH COMMANDS\n";
  for (const CLI::App* below : visible_commands(root)) write_command(page, *below);
  page += ".SH COMMON OPTIONS\n";
  write_options(page, root, true);
  page += ".SH EXIT STATUS\n";
  for (const ExitLine& line : kExitLines)
    page += fmt::format(".TP\n.B {}\n{}\n", static_cast<int>(line.code), roff(line.meaning));
  page +=
      ".SH ENVIRONMENT\n"
      ".TP\n.B ANYNPU_MODELS\nFolders that are searched for model packages first, with colons "
      "between them.\n"
      ".TP\n.B ANYNPU_MIRROR\nFolders that are searched for the files of models and engines before "
      "the network is, with colons between them.\n"
      ".TP\n.B ANYNPU_CATALOG\nA catalog of models that replaces the one that is built in.\n"
      ".TP\n.B ANYNPU_CONFIG, ANYNPU_SERVE_...\nThe configuration of the server, and each of its "
      "options: anynpu config show.\n"
      ".TP\n.B ANYNPU_LIBRARY_PATH\nFolders that are searched for the engines' libraries first.\n"
      ".TP\n.B ANYNPU_TFLITE, ANYNPU_ONNXRUNTIME, ANYNPU_TEFLON, ANYNPU_RKNN, ANYNPU_AXMODEL, "
      "ANYNPU_XCLBIN\nThe library of one engine, by its path.\n"
      ".TP\n.B ANYNPU_MACHINE\nA machine to simulate: a folder, a NAME.machine or a support "
      "bundle.\n"
      ".TP\n.B ANYNPU_RUN_DIR\nWhere a server keeps the records of its workers, for anynpu clean.\n"
      ".TP\n.B NO_COLOR\nNo colours when it is set.\n"
      ".TP\n.B XDG_DATA_HOME\nWhere anynpu/models and anynpu/lib are; ~/.local/share when it is "
      "not set.\n";
  return page;
}

}  // namespace

void add_manual_command(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand("manual", "Print the man page");
  command->group("");
  command->footer("Examples:\n  anynpu manual | man -l -");
  on_chosen(*command, context, [&app](CommandContext& c) {
    if (c.json) {
      auto report = c.report();
      report->data("manual", manual(app));
      report->finish();
    } else {
      c.out() << manual(app);
    }
    return static_cast<int>(kExitOk);
  });
}

}  // namespace anynpu::command
