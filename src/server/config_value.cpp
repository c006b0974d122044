// SPDX-License-Identifier: Apache-2.0
// Values of options: every check of a type and of a range is here.
#include "server/config_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::server {
namespace {

constexpr std::size_t kMostTextBytes = 4096;
constexpr std::size_t kMostListed = 256;

template <typename T>
T* as(const Slot& slot) {
  T* const* place = std::get_if<T*>(&slot);
  return place == nullptr ? nullptr : *place;
}

bool is_number(const Slot& slot) {
  return as<int>(slot) != nullptr || as<std::uint64_t>(slot) != nullptr ||
         as<double>(slot) != nullptr || as<Duration>(slot) != nullptr;
}

bool is_whole(const Slot& slot) {
  return as<int>(slot) != nullptr || as<std::uint64_t>(slot) != nullptr;
}

Duration duration_of(Unit unit, double value) {
  std::chrono::duration<double> time(unit == Unit::kMilliseconds ? value / 1000 : value);
  return std::chrono::round<Duration>(time);
}

double number_of(Unit unit, Duration value) {
  return unit == Unit::kMilliseconds ? to_ms(value) : std::chrono::duration<double>(value).count();
}

struct UnitWord {
  std::string_view word;  // in lower case
  double factor;
};

// In bytes, and in milliseconds.
constexpr UnitWord kByteWords[] = {
    {"b", 1},      {"kb", 1e3},      {"mb", 1e6},      {"gb", 1e9},
    {"kib", 1024}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1099511627776.0}};
constexpr UnitWord kTimeWords[] = {{"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"min", 6e4}, {"h", 3.6e6}};

// "64", "64MiB", "1.5 s", in the unit; nothing when it is no such quantity.
std::optional<double> quantity(Unit unit, std::string_view text) {
  text = trim(text);
  double value = 0;
  auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || !std::isfinite(value)) return std::nullopt;
  std::string word = to_lower(trim(text.substr(static_cast<std::size_t>(stop - text.data()))));
  if (word.empty()) return value;
  std::span<const UnitWord> words;
  if (unit == Unit::kBytes) words = kByteWords;
  if (unit == Unit::kSeconds || unit == Unit::kMilliseconds) words = kTimeWords;
  for (const UnitWord& each : words)
    if (each.word == word) return value * each.factor / (unit == Unit::kSeconds ? 1000 : 1);
  return std::nullopt;
}

std::string bytes_text(double bytes) {
  constexpr std::pair<double, std::string_view> kSteps[] = {
      {1099511627776.0, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}};
  for (auto [step, word] : kSteps)
    if (bytes >= step && std::fmod(bytes, step) == 0)
      return fmt::format("{} {}", bytes / step, word);
  return fmt::format("{}", bytes);
}

bool in_range(const OptionInfo& info, double value) {
  return std::isfinite(value) && value >= info.least && value <= info.most;
}

std::string toml_text(std::string_view text) {
  return Json(printable(text, kMostTextBytes)).dump();
}

Result<VersionPolicy> version_policy(std::string_view text) {
  VersionPolicy policy;
  std::string_view rest = trim(text);
  if (rest == "all") {
    policy.kind = VersionPolicy::Kind::kAll;
    return policy;
  }
  constexpr std::string_view kLatest = "latest";
  if (rest.substr(0, kLatest.size()) == kLatest) {
    rest = trim(rest.substr(kLatest.size()));
    if (rest.empty()) return policy;
    auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), policy.latest);
    if (error == std::errc() && stop == rest.data() + rest.size() && policy.latest >= 1 &&
        policy.latest <= static_cast<int>(kMostConfiguredModels))
      return policy;
  }
  return Error{Code::kInvalid, "no version policy"};
}

// A whole number that stands alone in its place.
std::string number_text(double value) {
  return fmt::format("{}", value);
}

}  // namespace

std::string_view unit_words(Unit unit) {
  switch (unit) {
    case Unit::kSeconds:
      return " s";
    case Unit::kMilliseconds:
      return " ms";
    case Unit::kBytes:
    case Unit::kNone:
      break;
  }
  return "";
}

std::string to_string(const VersionPolicy& policy) {
  switch (policy.kind) {
    case VersionPolicy::Kind::kAll:
      return "all";
    case VersionPolicy::Kind::kLatest:
      return policy.latest == 1 ? "latest" : fmt::format("latest {}", policy.latest);
    case VersionPolicy::Kind::kSpecific:
      break;
  }
  return fmt::format("{}", fmt::join(policy.numbers, ", "));
}

std::string must_be(const OptionInfo& info, const Slot& slot) {
  if (as<bool>(slot) != nullptr) return "true or false";
  if (info.unit == Unit::kBytes)
    return fmt::format("a size from {} to {}", bytes_text(info.least), bytes_text(info.most));
  if (is_number(slot))
    return fmt::format("a {}number from {} to {}{}", is_whole(slot) ? "whole " : "", info.least,
                       info.most, unit_words(info.unit));
  if (!info.words.empty()) return "one of " + join(info.words, ", ");
  if (as<std::vector<std::string>>(slot) != nullptr) return "a list of texts";
  if (as<VersionPolicy>(slot) != nullptr)
    return "\"latest\", \"latest N\", \"all\" or a list of version numbers";
  if (as<LabelNumbers>(slot) != nullptr)
    return fmt::format("a table of labels with whole numbers from {} to {}", info.least, info.most);
  return "a text";
}

Error wrong_value(const OptionInfo& info, const Slot& slot, std::string_view value) {
  Error error{Code::kInvalid, fmt::format("{} must be {}, not {}", info.key, must_be(info, slot),
                                          info.secret ? "this" : printable(value, 60))};
  std::string nearest = did_you_mean(value.substr(0, 64), info.words);
  if (!nearest.empty()) error.hint = fmt::format("did you mean '{}'?", nearest);
  return error;
}

Result<> set_bool(const OptionInfo& info, const Slot& slot, bool value) {
  bool* place = as<bool>(slot);
  if (place == nullptr) return wrong_value(info, slot, value ? "true" : "false");
  *place = value;
  return {};
}

Result<> set_whole(const OptionInfo& info, const Slot& slot, std::int64_t value) {
  if (!is_number(slot) || !in_range(info, static_cast<double>(value)))
    return wrong_value(info, slot, std::to_string(value));
  if (int* place = as<int>(slot)) *place = static_cast<int>(value);
  if (auto* place = as<std::uint64_t>(slot)) *place = static_cast<std::uint64_t>(value);
  if (double* place = as<double>(slot)) *place = static_cast<double>(value);
  if (Duration* place = as<Duration>(slot))
    *place = duration_of(info.unit, static_cast<double>(value));
  return {};
}

Result<> set_real(const OptionInfo& info, const Slot& slot, double value) {
  bool takes_it = is_number(slot) && in_range(info, value);
  if (takes_it && value == std::floor(value))
    return set_whole(info, slot, static_cast<std::int64_t>(value));
  if (!takes_it || is_whole(slot)) return wrong_value(info, slot, number_text(value));
  if (double* place = as<double>(slot)) *place = value;
  if (Duration* place = as<Duration>(slot)) *place = duration_of(info.unit, value);
  return {};
}

Result<> set_words(const OptionInfo& info, const Slot& slot, std::string_view value) {
  if (info.unit != Unit::kNone) {
    std::optional<double> number = quantity(info.unit, value);
    if (!number) return wrong_value(info, slot, fmt::format("'{}'", value));
    return set_real(info, slot, *number);
  }
  if (auto* place = as<VersionPolicy>(slot)) {
    Result<VersionPolicy> policy = version_policy(value);
    if (!policy) return wrong_value(info, slot, fmt::format("'{}'", value));
    *place = *policy;
    return {};
  }
  bool known = info.words.empty() ||
               std::find(info.words.begin(), info.words.end(), value) != info.words.end();
  bool clean = value.size() <= kMostTextBytes && printable(value, kMostTextBytes) == value;
  if (!known || !clean) return wrong_value(info, slot, value);
  if (auto* place = as<runtime::Policy>(slot)) {
    *place = runtime::policy_from(value).value_or(*place);
    return {};
  }
  std::string* place = as<std::string>(slot);
  if (place == nullptr) return wrong_value(info, slot, fmt::format("'{}'", value));
  *place = value;
  return {};
}

Result<> set_list(const OptionInfo& info, const Slot& slot, std::vector<std::string> values) {
  auto* place = as<std::vector<std::string>>(slot);
  if (place == nullptr) return wrong_value(info, slot, "a list");
  if (values.size() > kMostListed)
    return Error{Code::kTooLarge, fmt::format("{} has {} entries, more than the limit of {}",
                                              info.key, values.size(), kMostListed)};
  for (const std::string& value : values)
    if (value.empty() || value.size() > kMostTextBytes || printable(value, kMostTextBytes) != value)
      return wrong_value(info, slot, toml_text(value));
  *place = std::move(values);
  return {};
}

Result<> set_numbers(const OptionInfo& info, const Slot& slot,
                     const std::vector<std::int64_t>& values) {
  auto* place = as<VersionPolicy>(slot);
  if (place == nullptr) return wrong_value(info, slot, "a list of numbers");
  if (values.empty() || values.size() > kMostListed)
    return Error{Code::kInvalid,
                 fmt::format("{} must list from 1 to {} versions", info.key, kMostListed)};
  VersionPolicy policy;
  policy.kind = VersionPolicy::Kind::kSpecific;
  for (std::int64_t value : values) {
    if (value < 1 || value > 1000000000)
      return Error{Code::kInvalid, fmt::format("{}: {} is no version number", info.key, value)};
    policy.numbers.push_back(static_cast<int>(value));
  }
  *place = std::move(policy);
  return {};
}

Result<> set_label(const OptionInfo& info, const Slot& slot, const std::string& label,
                   std::int64_t number) {
  auto* place = as<LabelNumbers>(slot);
  if (place == nullptr || !in_range(info, static_cast<double>(number)))
    return wrong_value(info, slot, std::to_string(number));
  bool good =
      !label.empty() && label.size() <= 64 && std::all_of(label.begin(), label.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
      });
  if (!good)
    return Error{Code::kInvalid,
                 fmt::format("{}: '{}' is no label", info.key, printable(label, 60))}
        .with_hint("a label has letters, digits, '-' and '_', at most 64");
  if (place->size() >= kMostListed)
    return Error{Code::kTooLarge, fmt::format("{} has too many labels", info.key)};
  (*place)[label] = static_cast<int>(number);
  return {};
}

Result<> set_from_text(const OptionInfo& info, const Slot& slot, std::string_view text) {
  if (as<bool>(slot) != nullptr) {
    std::string word = to_lower(trim(text));
    for (const char* yes : {"true", "yes", "on", "1"})
      if (word == yes) return set_bool(info, slot, true);
    for (const char* no : {"false", "no", "off", "0"})
      if (word == no) return set_bool(info, slot, false);
    return wrong_value(info, slot, fmt::format("'{}'", text));
  }
  if (as<std::vector<std::string>>(slot) != nullptr) {
    std::vector<std::string> values;
    for (const std::string& part : split(text, ','))
      if (!trim(part).empty()) values.emplace_back(trim(part));
    return set_list(info, slot, std::move(values));
  }
  if (is_number(slot)) {
    std::optional<double> number = quantity(info.unit, text);
    if (!number) return wrong_value(info, slot, fmt::format("'{}'", text));
    return set_real(info, slot, *number);
  }
  return set_words(info, slot, text);
}

Json value_json(const OptionInfo& info, const Slot& slot) {
  if (info.secret) {
    const std::string* text = as<std::string>(slot);
    return text == nullptr || text->empty() ? Json() : Json("(set)");
  }
  if (Duration* place = as<Duration>(slot)) {
    double number = number_of(info.unit, *place);
    return number == std::floor(number) ? Json(static_cast<std::int64_t>(number)) : Json(number);
  }
  if (auto* place = as<runtime::Policy>(slot)) return runtime::to_string(*place);
  if (auto* place = as<VersionPolicy>(slot))
    return place->kind == VersionPolicy::Kind::kSpecific ? Json(place->numbers)
                                                         : Json(to_string(*place));
  if (auto* place = as<LabelNumbers>(slot)) return Json(*place);
  if (auto* place = as<std::vector<std::string>>(slot)) return Json(*place);
  if (auto* place = as<std::string>(slot)) return *place;
  if (auto* place = as<bool>(slot)) return *place;
  if (auto* place = as<int>(slot)) return *place;
  if (auto* place = as<std::uint64_t>(slot)) return *place;
  if (auto* place = as<double>(slot)) return *place;
  return {};
}

std::string value_toml(const OptionInfo& info, const Slot& slot) {
  Json json = value_json(info, slot);
  if (info.secret) return json.is_null() ? "\"\"" : "(set)";
  if (info.unit == Unit::kBytes && is_number(slot)) {
    std::string text = bytes_text(json.get<double>());
    return text.find(' ') == std::string::npos ? text : toml_text(text);
  }
  if (json.is_object()) {
    std::vector<std::string> parts;
    for (const auto& [label, number] : json.items())
      parts.push_back(fmt::format("{} = {}", label, number.dump()));
    return fmt::format("{{{}}}", join(parts, ", "));
  }
  if (json.is_array()) {
    std::vector<std::string> parts;
    for (const Json& each : json) parts.push_back(each.dump());
    return fmt::format("[{}]", join(parts, ", "));
  }
  return json.dump();
}

}  // namespace anynpu::server
