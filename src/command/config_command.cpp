// SPDX-License-Identifier: Apache-2.0
// `anynpu config`: what is wrong with a configuration, and what is in force.
#include <fmt/format.h>

#include "base/text.h"
#include "command/command.h"
#include "command/config_flags.h"
#include "server/config_options.h"
#include "server/config_reference.h"
#include "server/config_value.h"

namespace anynpu::command {
namespace {

std::string file_words(const server::LoadedConfig& loaded) {
  return loaded.file.empty() ? "no file" : printable(loaded.file.string(), 1000);
}

Json file_json(const server::LoadedConfig& loaded) {
  return loaded.file.empty() ? Json() : Json(loaded.file.string());
}

void write_problems(Report& report, const server::LoadedConfig& loaded) {
  Json list = Json::array();
  for (const Error& problem : loaded.problems) {
    list.push_back(to_json(problem));
    report.line(printable(problem.message, 2000));
    if (!problem.hint.empty()) report.line("  hint: " + printable(problem.hint, 2000));
  }
  report.data("problems", list);
}

int check(const ConfigFlags& flags, const CommandContext& context) {
  server::LoadedConfig loaded = load_config(flags, context);
  bool good = loaded.problems.empty();
  auto report = context.report();
  report->data("file", file_json(loaded));
  report->data("good", good);
  write_problems(*report, loaded);
  report->line(good ? fmt::format("{}: good", file_words(loaded))
                    : fmt::format("{}: {} problem{}", file_words(loaded), loaded.problems.size(),
                                  loaded.problems.size() == 1 ? "" : "s"));
  report->finish();
  return good ? kExitOk : kExitFailed;
}

std::vector<Cell> row_of(const std::string& key, const server::OptionInfo& info,
                         const server::Slot& slot, const server::LoadedConfig& loaded) {
  auto found = loaded.origins.find(key);
  server::Origin origin = found == loaded.origins.end() ? server::Origin() : found->second;
  std::string source(server::to_string(origin.source));
  std::string where = printable(origin.where, 1000);
  return {key, Cell(server::value_json(info, slot), server::value_toml(info, slot)),
          Cell(Json(source), where.empty() ? source : where),
          Cell(where.empty() ? Json() : Json(where), "")};
}

int show(const ConfigFlags& flags, const CommandContext& context) {
  server::LoadedConfig loaded = load_config(flags, context);
  std::vector<std::vector<Cell>> rows;
  for (const auto& option : server::server_options())
    rows.push_back(row_of(option.info.key, option.info, option.slot(loaded.config), loaded));
  for (std::size_t i = 0; i < loaded.config.models.size(); ++i)
    for (const auto& option : server::model_options())
      rows.push_back(row_of(fmt::format("model[{}].{}", i, option.info.name()), option.info,
                            option.slot(loaded.config.models[i]), loaded));
  auto report = context.report();
  report->fact("file", "Configuration", Cell(file_json(loaded), file_words(loaded)));
  report->line("");
  report->table("options",
                {{"key", "OPTION"}, {"value", "VALUE"}, {"source", "FROM"}, {"where", ""}}, rows);
  if (!loaded.problems.empty()) report->line("");
  write_problems(*report, loaded);
  report->finish();
  return loaded.problems.empty() ? kExitOk : kExitFailed;
}

int reference(const CommandContext& context) {
  context.out() << server::config_reference();
  return kExitOk;
}

}  // namespace

void add_config_command(CLI::App& app, CommandContext& context) {
  CLI::App* config =
      app.add_subcommand("config", "Check the server's configuration, or show what is in force");
  config->require_subcommand(1);
  config->footer(
      "docs/configuration.md says what each option does.\n\n"
      "Examples:\n"
      "  anynpu config check\n"
      "  anynpu config show");

  CLI::App* check_command =
      config->add_subcommand("check", "Name everything that is wrong with a configuration");
  auto checked = std::make_shared<ConfigFlags>();
  checked->command = check_command;
  check_command
      ->add_option("FILE", checked->file, "a file; without one, that which serve would use")
      ->type_name("FILE");
  check_command->footer(
      "The environment counts as well: ANYNPU_SERVE_... variables are checked too.\n\n"
      "Examples:\n  anynpu config check\n  anynpu config check anynpu.toml --json");
  on_chosen(*check_command, context, [checked](CommandContext& c) { return check(*checked, c); });

  CLI::App* show_command = config->add_subcommand(
      "show", "Print every option's value, and where it came from: flag, environment or file");
  auto shown = add_config_flags(*show_command);
  show_command->footer(
      "It takes the flags of serve, so that it shows what serve would use.\n\n"
      "Examples:\n  anynpu config show\n  ANYNPU_SERVE_PORT=9000 anynpu config show --json");
  on_chosen(*show_command, context, [shown](CommandContext& c) { return show(*shown, c); });

  CLI::App* reference_command =
      config->add_subcommand("reference", "Print docs/configuration.md")->group("");
  on_chosen(*reference_command, context, reference);
}

}  // namespace anynpu::command
