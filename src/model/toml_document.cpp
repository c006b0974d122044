// SPDX-License-Identifier: Apache-2.0
// TOML with errors that name the file, the line and the column.
#include "model/toml_document.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::model {
namespace {

// The parser and the tree's destructor recurse once per level, so text that could nest thousands of
// levels is refused by a count of what opens a level on one line: brackets and the dots of a key.
constexpr int kMostLevels = 64;

// The end of the quoted text or the comment that starts at `at`, or `at` when none does.
std::size_t skip_text(std::string_view text, std::size_t at) {
  char c = text[at];
  if (c == '#') return std::min(text.find('\n', at), text.size());
  if (c != '"' && c != '\'') return at;
  std::string_view three(text.substr(at, 3));
  if (three == "\"\"\"" || three == "\'\'\'")
    return std::min(text.find(three, at + 3), text.size() - 3) + 3;
  for (std::size_t end = at + 1; end < text.size(); ++end) {
    if (text[end] == '\\' && c == '"')
      ++end;
    else if (text[end] == c || text[end] == '\n')
      return end + 1;
  }
  return text.size();
}

Result<> check_nesting(std::string_view text, const std::string& file) {
  int dots = 0, depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::size_t end = skip_text(text, at);
    if (end != at) at = std::min(end, text.size() - 1);
    char c = text[at];
    if (c == '\n' || c == ',') dots = 0;
    if (c == '.') ++dots;
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if (dots > kMostLevels || depth > kMostLevels)
      return Error{
          Code::kInvalid,
          fmt::format(
              "{}:{}: is nested too deeply", file,
              1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'))};
  }
  return {};
}

}  // namespace

Result<toml::table> parse_toml(std::string_view text, const std::string& file) {
  ANYNPU_CHECK(check_nesting(text, file));
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    const toml::source_position& at = error.source().begin;
    return Error{Code::kInvalid, fmt::format("{}:{}:{}: {}", file, at.line, at.column,
                                             printable(error.description(), 300))}
        .with_hint("the file must be TOML 1.0");
  } catch (const std::exception& error) {
    return Error{Code::kInvalid, fmt::format("{}: {}", file, printable(error.what(), 300))};
  }
}

TomlReader::TomlReader(const toml::table& table, std::string file, std::string place,
                       std::optional<Error>& error)
    : table_(table), file_(std::move(file)), place_(std::move(place)), error_(error) {}

const toml::node* TomlReader::find(std::string_view key) {
  known_.emplace_back(key);
  return table_.get(key);
}

void TomlReader::fail_at(const toml::node& node, std::string message, std::string hint) {
  if (error_) return;
  const toml::source_position& at = node.source().begin;
  error_ = Error{Code::kInvalid, fmt::format("{}:{}:{}: {}", file_, at.line, at.column, message), 0,
                 std::move(hint)};
}

void TomlReader::fail(std::string_view key, std::string message, std::string hint) {
  const toml::node* node = key.empty() ? nullptr : table_.get(key);
  fail_at(node != nullptr ? *node : table_, std::move(message), std::move(hint));
}

std::string TomlReader::text(std::string_view key, std::string fallback) {
  const toml::node* node = find(key);
  if (node == nullptr) return fallback;
  const auto* value = node->as_string();
  if (value == nullptr) {
    fail_at(*node, fmt::format("{} must be text in quotes", key));
    return fallback;
  }
  return value->get();
}

std::string TomlReader::required_text(std::string_view key) {
  std::string value = text(key);
  if (value.empty()) fail(key, fmt::format("{} needs {} = \"...\"", place_, key));
  return value;
}

bool TomlReader::boolean(std::string_view key, bool fallback) {
  const toml::node* node = find(key);
  if (node == nullptr) return fallback;
  const auto* value = node->as_boolean();
  if (value == nullptr) fail_at(*node, fmt::format("{} must be true or false", key));
  return value != nullptr ? value->get() : fallback;
}

std::int64_t TomlReader::integer(std::string_view key, std::int64_t least, std::int64_t most,
                                 std::int64_t fallback) {
  const toml::node* node = find(key);
  if (node == nullptr) return fallback;
  const auto* value = node->as_integer();
  if (value == nullptr || value->get() < least || value->get() > most) {
    fail_at(*node, fmt::format("{} must be a whole number from {} to {}", key, least, most));
    return fallback;
  }
  return value->get();
}

namespace {

std::optional<double> as_number(const toml::node& node, double least, double most) {
  double value = NAN;
  if (const auto* whole = node.as_integer()) value = static_cast<double>(whole->get());
  if (const auto* real = node.as_floating_point()) value = real->get();
  if (!std::isfinite(value) || value < least || value > most) return std::nullopt;
  return value;
}

}  // namespace

double TomlReader::number(std::string_view key, double least, double most, double fallback) {
  const toml::node* node = find(key);
  if (node == nullptr) return fallback;
  std::optional<double> value = as_number(*node, least, most);
  if (!value)
    fail_at(*node, fmt::format("{} must be a number from {:g} to {:g}", key, least, most));
  return value.value_or(fallback);
}

std::vector<double> TomlReader::numbers(std::string_view key, double least, double most) {
  const toml::node* node = find(key);
  if (node == nullptr) return {};
  std::vector<double> values;
  auto add = [&](const toml::node& one) {
    std::optional<double> value = as_number(one, least, most);
    if (!value)
      fail_at(one, fmt::format("{} must hold numbers from {:g} to {:g}", key, least, most));
    values.push_back(value.value_or(0));
  };
  if (const auto* list = node->as_array()) {
    for (const toml::node& one : *list) add(one);
  } else {
    add(*node);
  }
  return values;
}

std::vector<std::string> TomlReader::texts(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) return {};
  std::vector<std::string> values;
  const auto* list = node->as_array();
  if (list == nullptr) {
    fail_at(*node, fmt::format("{} must be a list of texts: [\"...\"]", key));
    return values;
  }
  for (const toml::node& one : *list) {
    const auto* value = one.as_string();
    if (value == nullptr) fail_at(one, fmt::format("{} must hold texts in quotes", key));
    values.push_back(value != nullptr ? value->get() : std::string());
  }
  return values;
}

int TomlReader::choice(std::string_view key, std::span<const std::string> words) {
  if (!has(key)) {
    known_.emplace_back(key);
    return -1;
  }
  std::string word = text(key);
  auto found = std::find(words.begin(), words.end(), word);
  if (found != words.end()) return static_cast<int>(found - words.begin());
  std::string near = did_you_mean(word, words);
  fail(key,
       fmt::format("unknown {} '{}': use one of {}", key, printable(word, 60), join(words, ", ")),
       near.empty() ? "" : fmt::format("did you mean '{}'?", near));
  return -1;
}

const toml::table* TomlReader::table(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) return nullptr;
  if (node->as_table() == nullptr) fail_at(*node, fmt::format("{} must be a table", key));
  return node->as_table();
}

std::vector<const toml::table*> TomlReader::tables(std::string_view key, std::size_t most) {
  const toml::node* node = find(key);
  if (node == nullptr) return {};
  std::vector<const toml::table*> values;
  const auto* list = node->as_array();
  if (list == nullptr) {
    fail_at(*node, fmt::format("{} must be a list of tables", key));
    return values;
  }
  if (list->size() > most) {
    fail_at(*node,
            fmt::format("there are {} of {}, more than the limit of {}", list->size(), key, most));
    return values;
  }
  for (const toml::node& one : *list) {
    if (one.as_table() == nullptr)
      fail_at(one, fmt::format("{} must hold tables", key));
    else
      values.push_back(one.as_table());
  }
  return values;
}

void TomlReader::refuse_unknown_keys() {
  if (error_) return;
  for (auto&& [key, node] : table_) {
    if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
    std::string near = did_you_mean(key.str(), known_);
    const toml::source_position& at = key.source().begin;
    error_ = Error{Code::kInvalid,
                   fmt::format("{}:{}:{}: {} has no key '{}'", file_, at.line, at.column, place_,
                               printable(key.str(), 60)),
                   0,
                   near.empty() ? fmt::format("its keys are {}", join(known_, ", "))
                                : fmt::format("did you mean '{}'?", near)};
    return;
  }
}

}  // namespace anynpu::model
