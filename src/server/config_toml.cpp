// SPDX-License-Identifier: Apache-2.0
// Reads anynpu.toml by the table of options.
#include "server/config_toml.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "server/config_value.h"

namespace anynpu::server {
namespace {

// "a table", for errors.
std::string_view kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

class Reader {
 public:
  Reader(const std::string& file, LoadedConfig& into) : file_(file), into_(into) {}

  void problem(const toml::source_position& at, Error error) {
    if (into_.problems.size() >= kMostProblems) return;
    into_.problems.push_back(
        std::move(error).within(fmt::format("{}:{}:{}", file_, at.line, at.column)));
  }

  /// One key of a table. `origin` is what LoadedConfig::origins calls it.
  void read(const OptionInfo& info, const Slot& slot, const toml::table& table,
            const std::string& origin) {
    const toml::node* node = table.get(info.name());
    if (node == nullptr) return;
    Result<> set = assign(info, slot, *node);
    if (!set) return problem(node->source().begin, std::move(set).error());
    into_.origins[origin] = {Source::kFile, fmt::format("{}:{}", file_, node->source().begin.line)};
  }

  /// Names the keys of a section that are none of `known`.
  void refuse_unknown(const toml::table& table, std::string_view section,
                      const std::vector<std::string>& known) {
    for (auto&& [key, node] : table) {
      std::string name(key.str());
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      Error error{Code::kInvalid, fmt::format("{} has no key '{}'", section, printable(name, 60))};
      std::string nearest = did_you_mean(std::string_view(name).substr(0, 64), known);
      std::string home = home_of(name);
      if (!nearest.empty())
        error.hint = fmt::format("did you mean '{}'?", nearest);
      else
        error.hint = home.empty() ? "its keys are " + join(known, ", ")
                                  : fmt::format("'{}' belongs in {}", name, home);
      problem(key.source().begin, std::move(error));
    }
  }

  /// The section that has a key of that name; empty when none has.
  static std::string home_of(const std::string& name) {
    for (const auto& option : server_options())
      if (option.info.name() == name) return fmt::format("[{}]", option.info.section());
    for (const auto& option : model_options())
      if (option.info.name() == name) return "[[model]]";
    return {};
  }

 private:
  Result<> assign(const OptionInfo& info, const Slot& slot, const toml::node& node) {
    if (const auto* value = node.as_boolean()) return set_bool(info, slot, value->get());
    if (const auto* value = node.as_integer()) return set_whole(info, slot, value->get());
    if (const auto* value = node.as_floating_point()) return set_real(info, slot, value->get());
    if (const auto* value = node.as_string()) return set_words(info, slot, value->get());
    if (const auto* list = node.as_array()) return assign_list(info, slot, *list);
    if (const auto* table = node.as_table()) return assign_labels(info, slot, *table);
    return wrong_value(info, slot, kind_of(node));
  }

  static Result<> assign_list(const OptionInfo& info, const Slot& slot, const toml::array& list) {
    std::vector<std::string> texts;
    std::vector<std::int64_t> numbers;
    for (const toml::node& each : list) {
      if (const auto* text = each.as_string())
        texts.push_back(text->get());
      else if (const auto* number = each.as_integer())
        numbers.push_back(number->get());
      else
        return wrong_value(info, slot, fmt::format("a list with {}", kind_of(each)));
    }
    if (!texts.empty() && !numbers.empty())
      return wrong_value(info, slot, "a list of texts and numbers");
    bool of_numbers = std::holds_alternative<VersionPolicy*>(slot);
    if (of_numbers ? !texts.empty() : !numbers.empty())
      return wrong_value(info, slot, of_numbers ? "a list of texts" : "a list of numbers");
    return of_numbers ? set_numbers(info, slot, numbers) : set_list(info, slot, std::move(texts));
  }

  static Result<> assign_labels(const OptionInfo& info, const Slot& slot,
                                const toml::table& table) {
    if (!std::holds_alternative<LabelNumbers*>(slot)) return wrong_value(info, slot, "a table");
    for (auto&& [label, node] : table) {
      const auto* number = node.as_integer();
      if (number == nullptr) return wrong_value(info, slot, kind_of(node));
      ANYNPU_CHECK(set_label(info, slot, std::string(label.str()), number->get()));
    }
    return {};
  }

  const std::string& file_;
  LoadedConfig& into_;
};

template <typename Options>
std::vector<std::string> names_in(const Options& options, std::string_view section) {
  std::vector<std::string> names;
  for (const auto& option : options)
    if (option.info.section() == section) names.push_back(option.info.name());
  return names;
}

}  // namespace

void read_config_sections(const toml::table& table, const std::string& file, LoadedConfig& into) {
  Reader reader(file, into);
  std::vector<std::string> sections;
  for (const auto& option : server_options())
    if (sections.empty() || sections.back() != option.info.section())
      sections.push_back(option.info.section());
  for (auto&& [key, node] : table) {
    std::string name(key.str());
    if (name == "model") continue;
    if (std::find(sections.begin(), sections.end(), name) == sections.end()) {
      std::string home = Reader::home_of(name);
      std::string nearest = did_you_mean(std::string_view(name).substr(0, 64), sections);
      std::string hint = "the sections are " + join(sections, ", ") + " and [[model]]";
      if (!nearest.empty()) hint = fmt::format("did you mean '[{}]'?", nearest);
      if (!home.empty()) hint = fmt::format("'{}' belongs in {}", name, home);
      reader.problem(key.source().begin,
                     Error{Code::kInvalid,
                           fmt::format("there is no section '{}'", printable(name, 60)), 0, hint});
    } else if (node.as_table() == nullptr) {
      reader.problem(node.source().begin,
                     Error{Code::kInvalid, fmt::format("{} must be a section: [{}]", name, name)});
    } else {
      reader.refuse_unknown(*node.as_table(), fmt::format("[{}]", name),
                            names_in(server_options(), name));
    }
  }
  for (const auto& option : server_options()) {
    const toml::node* section = table.get(option.info.section());
    if (section != nullptr && section->as_table() != nullptr)
      reader.read(option.info, option.slot(into.config), *section->as_table(), option.info.key);
  }
}

void read_config_models(const toml::table& table, const std::string& file, LoadedConfig& into) {
  const toml::node* node = table.get("model");
  if (node == nullptr) return;
  Reader reader(file, into);
  const toml::array* list = node->as_array();
  bool tables = list != nullptr && std::all_of(list->begin(), list->end(), [](const auto& each) {
                  return each.as_table() != nullptr;
                });
  if (!tables)
    return reader.problem(node->source().begin, Error{Code::kInvalid, "model must be tables", 0,
                                                      "begin each model with [[model]]"});
  if (list->size() > kMostConfiguredModels)
    return reader.problem(node->source().begin,
                          Error{Code::kTooLarge, fmt::format("there are {} models, more than {}",
                                                             list->size(), kMostConfiguredModels)});
  for (const toml::node& each : *list) {
    const toml::table& one = *each.as_table();
    std::string origin = fmt::format("model[{}]", into.config.models.size());
    ModelConfig& model = into.config.models.emplace_back();
    model.runtime = into.config.serve.runtime;
    reader.refuse_unknown(one, "[[model]]", names_in(model_options(), "model"));
    for (const auto& option : model_options())
      reader.read(option.info, option.slot(model), one, origin + "." + option.info.name());
    into.origins[origin] = {Source::kFile, fmt::format("{}:{}", file, each.source().begin.line)};
  }
}

}  // namespace anynpu::server
