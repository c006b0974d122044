// SPDX-License-Identifier: Apache-2.0
// The tree of commands, and what to say when somebody mistyped it.
#include "command/command_line.h"

#include <fmt/format.h>

#include "base/text.h"
#include "base/version.h"

namespace anynpu::command {
namespace {

constexpr const char* kCommonOptions = "Common options";

class HelpText : public CLI::Formatter {
 public:
  HelpText() {
    column_width(26);
    label("REQUIRED", "");
    label("OPTIONS", "OPTIONS");
    label("SUBCOMMAND", "COMMAND");
    label("SUBCOMMANDS", "COMMANDS");
    label("Positionals", "Arguments");
  }
  std::string make_help(const CLI::App* command, std::string name,
                        CLI::AppFormatMode mode) const override {
    return make_description(command) + make_usage(command, std::move(name)) +
           make_positionals(command) + options_text(*command, false) +
           make_subcommands(command, mode) + options_text(*command, true) + "\n" +
           make_footer(command);
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    std::string text = option->get_expected_max() > 1 ? " ..." : "";
    std::string value = value_name(*option);
    return value.empty() ? text : " " + value + text;
  }

 private:
  std::string options_text(const CLI::App& command, bool common) const {
    std::string text;
    for (const std::string& group : command.get_groups()) {
      if (group.empty() || (group == kCommonOptions) != common) continue;
      auto options = command.get_options([&](const CLI::Option* option) {
        return option->get_group() == group && option->nonpositional();
      });
      if (!options.empty()) text += make_group(group, false, options);
    }
    return text;
  }
};

void add_common_options(CLI::App& command, CommandContext& context) {
  command.add_flag("--json", context.json, "write a JSON document instead of text")
      ->group(kCommonOptions);
  command
      .add_option("--log-level", context.log_level,
                  "what to log on standard error: debug, info, warn, error or off")
      ->check(CLI::IsMember({"debug", "info", "warn", "error", "off"}))
      ->type_name("LEVEL")
      ->group(kCommonOptions);
  command.get_help_ptr()->description("print this help")->group(kCommonOptions);
  for (CLI::App* below : command.get_subcommands({})) {
    if (!below->get_group().empty()) below->group("Commands");
    add_common_options(*below, context);
  }
}

const CLI::App* subcommand_of(const CLI::App& command, const std::string& name) {
  for (const CLI::App* below : command.get_subcommands({}))
    if (below->check_name(name)) return below;
  return nullptr;
}

std::string see_help(const CLI::App& command) {
  return "see " + full_name(command) + " --help";
}

Error unknown_command(const CLI::App& command, const std::string& name) {
  std::vector<std::string> known;
  for (const CLI::App* below : visible_commands(command)) known.push_back(below->get_name());
  std::string nearest = did_you_mean(name, known);
  return Error{Code::kInvalid,
               fmt::format("{} has no command '{}'", full_name(command), printable(name, 80)), 0,
               nearest.empty() ? "the commands are: " + join(known, ", ")
                               : fmt::format("did you mean '{} {}'?", full_name(command), nearest)};
}

Error unknown_option(const CLI::App& command, const std::string& name) {
  std::string nearest = did_you_mean(name, option_names(command));
  return Error{Code::kInvalid,
               fmt::format("{} has no option '{}'", full_name(command), printable(name, 80)), 0,
               nearest.empty() ? see_help(command) : fmt::format("did you mean '{}'?", nearest)};
}

bool takes_a_value(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

}  // namespace

std::unique_ptr<CLI::App> command_line(CommandContext& context) {
  auto root = std::make_unique<CLI::App>(
      "Runs models on the NPU of this machine, and on the CPU when there is none.", "anynpu");
  root->formatter(std::make_shared<HelpText>());
  root->require_subcommand(1);
  root->set_version_flag("--version", fmt::format("anynpu {}", kVersion), "print the version")
      ->group(kCommonOptions);
  root->footer(
      "Start here:\n"
      "  anynpu models pull mobilenet_v1          get a model\n"
      "  anynpu run mobilenet_v1 cat.jpg          what is on the picture, and where it ran\n"
      "  anynpu doctor                            is my NPU used, and if not, why not\n"
      "  anynpu serve                             the same over HTTP, with a page on port 8080");
  add_run_command(*root, context);
  add_serve_command(*root, context);
  add_bench_command(*root, context);
  add_devices_command(*root, context);
  add_top_command(*root, context);
  add_doctor_command(*root, context);
  add_explain_command(*root, context);
  add_bundle_command(*root, context);
  add_engines_command(*root, context);
  add_check_command(*root, context);
  add_recover_command(*root, context);
  add_clean_command(*root, context);
  add_models_command(*root, context);
  add_transcribe_command(*root, context);
  add_mel_command(*root, context);
  add_config_command(*root, context);
  add_sim_command(*root, context);
  add_completion_command(*root, context);
  add_version_command(*root, context);
  add_manual_command(*root, context);
  add_common_options(*root, context);
  return root;
}

std::string value_name(const CLI::Option& option) {
  std::string name = option.get_type_name();  // with what its checks say, "N:INT in [1 - 256]"
  return name.substr(0, name.find(':'));
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_group().empty()) continue;  // hidden
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::vector<const CLI::App*> visible_commands(const CLI::App& command) {
  std::vector<const CLI::App*> visible;
  for (const CLI::App* below : command.get_subcommands({}))
    if (!below->get_group().empty()) visible.push_back(below);
  return visible;
}

std::string full_name(const CLI::App& command) {
  if (command.get_parent() == nullptr) return command.get_name();
  return full_name(*command.get_parent()) + " " + command.get_name();
}

Error explain_refusal(const CLI::App& root, const std::vector<std::string>& arguments,
                      const std::string& fallback) {
  const CLI::App* command = &root;
  for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    const std::string& argument = arguments[i];
    if (argument.size() > 1 && argument[0] == '-') {
      bool is_long = argument[1] == '-';
      std::size_t equals = argument.find('=');
      std::string name = is_long ? argument.substr(0, equals) : argument.substr(0, 2);
      const CLI::Option* option = command->get_option_no_throw(name);
      if (option == nullptr) return unknown_option(*command, name);
      bool value_inside = is_long ? equals != std::string::npos : argument.size() > 2;
      if (takes_a_value(*option) && !value_inside) ++i;
    } else if (!visible_commands(*command).empty()) {
      const CLI::App* below = subcommand_of(*command, argument);
      if (below == nullptr) return unknown_command(*command, argument);
      command = below;
    }
  }
  if (command->get_require_subcommand_min() > 0) {
    std::vector<std::string> known;
    for (const CLI::App* below : visible_commands(*command)) known.push_back(below->get_name());
    return Error{Code::kInvalid, full_name(*command) + " needs a command", 0,
                 "one of: " + join(known, ", ")};
  }
  return Error{Code::kInvalid, fallback, 0, see_help(*command)};
}

}  // namespace anynpu::command
