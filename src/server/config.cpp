// SPDX-License-Identifier: Apache-2.0
// Puts a configuration together: defaults, file, environment, flags, in this order.
#include "server/config.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "model/toml_document.h"
#include "server/config_checks.h"
#include "server/config_toml.h"
#include "server/config_value.h"

namespace anynpu::server {
namespace {

constexpr std::string_view kPrefix = "ANYNPU_SERVE_";
constexpr std::size_t kMostTokenFileBytes = 4096;

// An empty variable is as good as none: that is how units and compose files unset one.
std::string variable(const ConfigInput& input, const std::string& name) {
  auto found = input.environment.find(name);
  return found == input.environment.end() ? std::string() : found->second;
}

// A file that was named must be there; one that is only looked for need not.
std::filesystem::path find_file(const ConfigInput& input) {
  if (!input.file.empty()) return input.file;
  std::string named = variable(input, "ANYNPU_CONFIG");
  if (!named.empty()) return named;
  std::string folder = variable(input, "XDG_CONFIG_HOME");
  std::string home = variable(input, "HOME");
  if (folder.empty() || folder[0] != '/') folder = home.empty() ? "" : home + "/.config";
  std::error_code ignored;
  if (!folder.empty()) {
    std::filesystem::path user = std::filesystem::path(folder) / "anynpu/anynpu.toml";
    if (std::filesystem::exists(user, ignored)) return user;
  }
  if (std::filesystem::exists(input.system_file, ignored)) return input.system_file;
  return {};
}

std::optional<toml::table> read_file(LoadedConfig& loaded) {
  if (loaded.file.empty()) return std::nullopt;
  Result<std::string> text = read_text(loaded.file, kMostConfigBytes);
  if (!text) {
    loaded.problems.push_back(std::move(text).error());
    return std::nullopt;
  }
  Result<toml::table> table = model::parse_toml(*text, loaded.file.string());
  if (!table) {
    loaded.problems.push_back(std::move(table).error());
    return std::nullopt;
  }
  return std::move(*table);
}

void set(LoadedConfig& loaded, const Option<ServerConfig>& option, const std::string& text,
         Source source, const std::string& where) {
  Result<> done = set_from_text(option.info, option.slot(loaded.config), text);
  if (done)
    loaded.origins[option.info.key] = {source, where};
  else if (loaded.problems.size() < kMostProblems)
    loaded.problems.push_back(std::move(done).error().within(where));
}

void read_environment(const ConfigInput& input, LoadedConfig& loaded) {
  std::vector<std::string> known;
  for (const auto& option : server_options()) {
    known.push_back(option.info.environment_name());
    std::string text = variable(input, known.back());
    if (!text.empty()) set(loaded, option, text, Source::kEnvironment, known.back());
  }
  for (const auto& [name, text] : input.environment) {
    if (name.compare(0, kPrefix.size(), kPrefix) != 0 || loaded.problems.size() >= kMostProblems ||
        std::find(known.begin(), known.end(), name) != known.end())
      continue;
    std::string nearest = did_you_mean(std::string_view(name).substr(0, 64), known);
    loaded.problems.push_back(Error{
        Code::kInvalid, fmt::format("{}: there is no such option", printable(name, 80)), 0,
        nearest.empty() ? "see: anynpu config show" : fmt::format("did you mean '{}'?", nearest)});
  }
}

void read_flags(const ConfigInput& input, LoadedConfig& loaded) {
  for (const FlagValue& value : input.flags)
    for (const auto& option : server_options())
      if (option.info.key == value.key) set(loaded, option, value.text, Source::kFlag, value.flag);
  if (input.models.empty()) return;
  loaded.config.serve.models = input.models;
  loaded.origins["models.load"] = {Source::kFlag, "--model"};
}

void read_token(LoadedConfig& loaded) {
  ServerConfig& config = loaded.config;
  if (config.token_file.empty()) return;
  const Origin& origin = loaded.origins["server.token_file"];
  if (!config.token.empty()) {
    loaded.problems.push_back(
        Error{Code::kInvalid, "server.token and server.token_file are both set"}.within(
            origin.where));
    return;
  }
  Result<std::string> text = read_text(config.token_file, kMostTokenFileBytes);
  if (!text) {
    loaded.problems.push_back(std::move(text).error().within(origin.where + ": server.token_file"));
    return;
  }
  config.token = trim(*text);
  if (config.token.empty())
    loaded.problems.push_back(
        Error{Code::kInvalid, fmt::format("server.token_file: {} is empty", config.token_file)}
            .within(origin.where));
}

}  // namespace

std::string_view to_string(Source source) {
  switch (source) {
    case Source::kDefault:
      return "default";
    case Source::kFile:
      return "file";
    case Source::kEnvironment:
      return "environment";
    case Source::kFlag:
      return "flag";
  }
  return "default";
}

std::map<std::string, std::string> process_environment() {
  std::map<std::string, std::string> variables;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
    std::string_view pair(*each);
    std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos)
      variables.emplace(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return variables;
}

LoadedConfig load_config(const ConfigInput& input) {
  LoadedConfig loaded;
  loaded.file = find_file(input);
  std::optional<toml::table> table = read_file(loaded);
  if (table) read_config_sections(*table, loaded.file.string(), loaded);
  read_environment(input, loaded);
  read_flags(input, loaded);
  if (table) read_config_models(*table, loaded.file.string(), loaded);
  read_token(loaded);
  check_config(loaded);
  if (loaded.config.serve.models.empty())
    for (const ModelConfig& model : loaded.config.models)
      loaded.config.serve.models.push_back(model.name);
  return loaded;
}

Result<> first_problem(const LoadedConfig& loaded) {
  if (loaded.problems.empty()) return {};
  Error error = loaded.problems.front();
  if (loaded.problems.size() > 1)
    error.message += fmt::format(" (and {} more)", loaded.problems.size() - 1);
  if (error.hint.empty() || loaded.problems.size() > 1)
    error.hint += std::string(error.hint.empty() ? "" : "; ") + "see all: anynpu config check";
  return error;
}

}  // namespace anynpu::server
