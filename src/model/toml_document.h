// SPDX-License-Identifier: Apache-2.0
// TOML with errors that name the file, the line and the column; shared by model.toml and the
// catalog.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

#include "base/result.h"

namespace anynpu::model {

/// Parses untrusted text. `file` is the name that errors start with. Text that nests deeper than
/// people write is refused before it is parsed.
Result<toml::table> parse_toml(std::string_view text, const std::string& file);

/// One table that is being read. Errors are collected: the first one wins, and what is read after
/// it has its default, so that a reader is a plain list of keys with one check at its end.
class TomlReader {
 public:
  /// `error` outlives the reader and is shared by the readers of one file. `place` is what the
  /// table is called in errors: "[preprocess]".
  TomlReader(const toml::table& table, std::string file, std::string place,
             std::optional<Error>& error);

  bool has(std::string_view key) const { return table_.contains(key); }

  std::string text(std::string_view key, std::string fallback = {});
  std::string required_text(std::string_view key);
  bool boolean(std::string_view key, bool fallback);
  std::int64_t integer(std::string_view key, std::int64_t least, std::int64_t most,
                       std::int64_t fallback);
  /// Finite, within [least, most].
  double number(std::string_view key, double least, double most, double fallback);
  /// A list of numbers; a single number is a list of one. Empty when the key is not there.
  std::vector<double> numbers(std::string_view key, double least, double most);
  std::vector<std::string> texts(std::string_view key);
  /// The index of the word in `words`; -1 when the key is not there.
  int choice(std::string_view key, std::span<const std::string> words);

  /// Null when the key is not there or is not a table.
  const toml::table* table(std::string_view key);
  std::vector<const toml::table*> tables(std::string_view key, std::size_t most);

  /// Reports the first key that no call above asked for, with the one that may have been meant.
  void refuse_unknown_keys();

  /// Reports an error at a key, or at the table itself when `key` is empty.
  void fail(std::string_view key, std::string message, std::string hint = {});
  void fail_at(const toml::node& node, std::string message, std::string hint = {});
  bool failed() const { return error_.has_value(); }

 private:
  const toml::node* find(std::string_view key);

  const toml::table& table_;
  std::string file_;
  std::string place_;
  std::optional<Error>& error_;
  std::vector<std::string> known_;
};

}  // namespace anynpu::model
