// SPDX-License-Identifier: Apache-2.0
// The flags of the server's options, made from their table.
#include "command/config_flags.h"

#include "base/text.h"
#include "server/config_options.h"
#include "server/config_value.h"

namespace anynpu::command {
namespace {

// An option of every command already; what it says is read by load_config.
constexpr const char* kLogLevel = "--log-level";
constexpr const char* kModels = "models.load";

std::string help_of(const server::OptionInfo& info, const server::Slot& slot) {
  std::string help = info.flag_help.empty() ? info.help : info.flag_help;
  if (!help.empty() && help.back() == '.') help.pop_back();
  if (!help.empty() && help[0] >= 'A' && help[0] <= 'Z' && (help[1] < 'A' || help[1] > 'Z'))
    help[0] = static_cast<char>(help[0] - 'A' + 'a');
  if (!info.words.empty()) help += ": " + join(info.words, ", ");
  if (!info.flag_sets.empty()) return help;
  std::string value = server::value_toml(info, slot);
  bool plain = value.size() > 2 && value.front() == '"' && value.back() == '"';
  if (plain) value = value.substr(1, value.size() - 2);
  if (value == "\"\"" || value == "[]") value.clear();
  if (!value.empty()) value += server::unit_words(info.unit);
  if (!info.zero_means.empty() && (value.empty() || value == "0"))
    value += (value.empty() ? "" : ": ") + info.zero_means;
  return value.empty() ? help : help + " (" + value + ")";
}

std::string type_of(const server::OptionInfo& info, const server::Slot& slot) {
  if (info.unit == server::Unit::kBytes) return "SIZE";
  if (info.unit != server::Unit::kNone) return "TIME";
  if (std::holds_alternative<std::vector<std::string>*>(slot)) return "LIST";
  if (std::holds_alternative<int*>(slot) || std::holds_alternative<std::uint64_t*>(slot) ||
      std::holds_alternative<double*>(slot))
    return "N";
  return info.words.empty() ? "TEXT" : "WORD";
}

}  // namespace

std::shared_ptr<ConfigFlags> add_config_flags(CLI::App& command) {
  auto flags = std::make_shared<ConfigFlags>();
  flags->command = &command;
  command.add_option("--config", flags->file, "the configuration (docs/configuration.md)")
      ->type_name("FILE");
  server::ServerConfig defaults;
  for (const auto& option : server::server_options()) {
    const server::OptionInfo& info = option.info;
    if (info.flag.empty() || info.flag == kLogLevel) continue;
    server::Slot slot = option.slot(defaults);
    if (info.key == kModels) {  // each by itself, because a path may have a comma
      command.add_option(info.flag, flags->models, help_of(info, slot))
          ->type_name("NAME")
          ->allow_extra_args(false);
      continue;
    }
    auto note = [flags = flags.get(), key = info.key, flag = info.flag](const std::string& text) {
      flags->values.push_back({key, flag, text});
    };
    if (info.flag_sets.empty())
      command.add_option_function<std::string>(info.flag, note, help_of(info, slot))
          ->type_name(type_of(info, slot));
    else
      command.add_flag_callback(
          info.flag, [note, sets = info.flag_sets] { note(sets); }, help_of(info, slot));
  }
  return flags;
}

server::LoadedConfig load_config(const ConfigFlags& flags, const CommandContext& context) {
  server::ConfigInput input;
  input.file = flags.file;
  input.environment = server::process_environment();
  input.flags = flags.values;
  input.models = flags.models;
  const CLI::Option* level = flags.command->get_option_no_throw(kLogLevel);
  if (level != nullptr && level->count() > 0)
    input.flags.push_back({"server.log_level", kLogLevel, context.log_level});
  return server::load_config(input);
}

}  // namespace anynpu::command
