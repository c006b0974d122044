// SPDX-License-Identifier: Apache-2.0
// Reads the list of settings.
#include "sim/rocket/settings.h"

#include <algorithm>
#include <charconv>

#include "sim/rocket/text.h"

namespace anynpu::sim::rocket {
namespace {

constexpr std::string_view kSeparators = ",; \t\r\n";
constexpr std::size_t kMostText = 4096;
constexpr unsigned kMostThreads = 64;

bool read(std::string_view text, unsigned& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

bool read(std::string_view text, std::string& word) {
  word = text;
  return !word.empty();
}

bool read(std::string_view text, bool& yes) {
  yes = text == "yes";
  return yes || text == "no";
}

/// Names separated by colons, or none.
bool read(std::string_view text, Quirks& quirks) {
  quirks = {.pad = false, .cbuf = false};
  if (text == "none") return true;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(':'));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (word == "pad") {
      quirks.pad = true;
    } else if (word == "cbuf") {
      quirks.cbuf = true;
    } else {
      return false;
    }
  }
  return quirks.pad || quirks.cbuf;
}

bool take(std::string_view name, std::string_view value, Settings& settings) {
  if (name == "device") return read(value, settings.device);
  if (name == "driver") return read(value, settings.driver);
  if (name == "quirks") return read(value, settings.quirks);
  if (name == "threads")
    return read(value, settings.threads) && settings.threads - 1 < kMostThreads;
  if (name == "compute") return read(value, settings.compute);
  if (name == "strict") return read(value, settings.strict);
  if (name == "log") return read(value, settings.log);
  if (name == "log_file") return read(value, settings.log_file);
  if (name == "kernel_log") return read(value, settings.kernel_log);
  return false;
}

}  // namespace

tl::expected<Settings, std::string> parse_settings(std::string_view list) {
  Settings settings;
  if (list.size() > kMostText) return tl::unexpected<std::string>("too long");
  while (true) {
    list.remove_prefix(std::min(list.size(), list.find_first_not_of(kSeparators)));
    if (list.empty()) return settings;
    const std::string_view word = list.substr(0, list.find_first_of(kSeparators));
    list.remove_prefix(word.size());
    const std::string_view name = word.substr(0, word.find('='));
    const std::string_view value = word.substr(std::min(word.size(), name.size() + 1));
    if (!take(name, value, settings))
      return tl::unexpected(text("'%.200s' is not understood", std::string(word).c_str()));
  }
}

}  // namespace anynpu::sim::rocket
