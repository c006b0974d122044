// SPDX-License-Identifier: Apache-2.0
// JsonReader: reads JSON (RFC 8259) from left to right, without a document in memory.
//
// A tensor of 64 MiB of digits must not become a tree of nodes, so values are read where they
// stand, or stepped over and read later from their text. The first error stays: after it every call
// fails, and the reading code checks once.
//
//   JsonReader reader(text);
//   std::string key;
//   if (reader.begin_object())
//     while (reader.next_key(key)) key == "id" ? reader.read_string(id) : reader.skip();
//   if (!reader.finish()) return reader.error();
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace anynpu::server::oip {

class JsonReader {
 public:
  enum class Kind { kObject, kArray, kString, kNumber, kBool, kNull, kNone };

  static constexpr std::size_t kMostDepth = 64;

  /// `text` outlives the reader.
  explicit JsonReader(std::string_view text) : text_(text) {}

  /// Of the value that comes next; kNone when none does.
  Kind next_kind();

  bool begin_object();
  /// Goes on to the next member. False at the object's end, and after an error.
  bool next_key(std::string& key);
  bool begin_array();
  /// Goes on to the next element. False at the array's end, and after an error.
  bool next_element();

  bool read_string(std::string& value);
  /// The number as it is written, such as "-1.5e3"; of JSON's grammar.
  bool read_number(std::string_view& token);
  bool read_bool(bool& value);
  bool read_null();
  /// Steps over one value of any kind, all of it checked.
  bool skip();
  /// The same; `value` becomes its text.
  bool skip(std::string_view& value);

  /// Nothing but white space is left.
  bool finish();

  /// Marks the text as wrong at this place, for what JSON's grammar does not know of.
  bool fail(std::string message);
  bool failed() const { return error_.has_value(); }
  /// Only when failed().
  const Error& error() const { return *error_; }

 private:
  void skip_space();
  bool enter(bool is_object);
  bool read_word(std::string_view word);
  bool scan_digits();
  bool read_escape(std::string* value);
  bool read_hex(unsigned& unit);
  bool scan_string(std::string* value);
  bool broken(std::string_view expected);

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::array<bool, kMostDepth> fresh_ = {};  // per level: nothing of it has been read
  std::optional<Error> error_;
};

/// Appends `text` as a JSON string; bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace anynpu::server::oip
