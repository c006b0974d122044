// SPDX-License-Identifier: Apache-2.0
// The grammar of RFC 8259, one function per rule.
#include "server/oip/json_reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"

namespace anynpu::server::oip {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0U | (code >> 6));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0U | (code >> 12));
    out += static_cast<char>(0x80U | ((code >> 6) & 0x3FU));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  } else {
    out += static_cast<char>(0xF0U | (code >> 18));
    out += static_cast<char>(0x80U | ((code >> 12) & 0x3FU));
    out += static_cast<char>(0x80U | ((code >> 6) & 0x3FU));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  }
}

bool is_high_surrogate(unsigned unit) {
  return unit >= 0xD800 && unit < 0xDC00;
}
bool is_low_surrogate(unsigned unit) {
  return unit >= 0xDC00 && unit < 0xE000;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    const std::size_t length = utf8_length(text.substr(at));
    if (length == 0)
      out += "\xEF\xBF\xBD";  // U+FFFD
    else if (length > 1)
      out.append(text, at, length);
    else if (c == '"' || c == '\\')
      out.append(1, '\\').append(1, c);
    else if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
    at += std::max<std::size_t>(length, 1);
  }
  out += '"';
}

bool JsonReader::fail(std::string message) {
  if (!error_)
    error_ = Error{Code::kInvalid, fmt::format("{} (byte {} of the JSON)", message, at_)};
  return false;
}

bool JsonReader::broken(std::string_view expected) {
  if (failed()) return false;
  if (at_ >= text_.size()) return fail(fmt::format("the JSON ends where {} is expected", expected));
  const std::string_view rest = text_.substr(at_, 9);
  for (const std::string_view word : {"NaN", "Infinity", "-Infinity", "-NaN", "nan", "inf", "-inf"})
    if (rest.starts_with(word))
      return fail(fmt::format("{} is not JSON; send such values as binary data", word));
  return fail(fmt::format("'{}' where {} is expected", printable(text_.substr(at_, 1)), expected));
}

inline void JsonReader::skip_space() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
    ++at_;
}

JsonReader::Kind JsonReader::next_kind() {
  skip_space();
  if (failed() || at_ >= text_.size()) return Kind::kNone;
  const char c = text_[at_];
  switch (c) {
    case '{':
      return Kind::kObject;
    case '[':
      return Kind::kArray;
    case '"':
      return Kind::kString;
    case 't':
    case 'f':
      return Kind::kBool;
    case 'n':
      return Kind::kNull;
    default:
      return c == '-' || is_digit(c) ? Kind::kNumber : Kind::kNone;
  }
}

bool JsonReader::enter(bool is_object) {
  skip_space();
  if (failed() || at_ >= text_.size() || text_[at_] != (is_object ? '{' : '['))
    return broken(is_object ? "an object" : "an array");
  if (depth_ == kMostDepth)
    return fail(fmt::format("the JSON is nested more than {} levels deep", kMostDepth));
  ++at_;
  fresh_[depth_++] = true;
  return true;
}

bool JsonReader::begin_object() {
  return enter(true);
}
bool JsonReader::begin_array() {
  return enter(false);
}

bool JsonReader::next_element() {
  skip_space();
  if (failed()) return false;
  if (at_ >= text_.size()) return broken("',' or ']'");
  if (text_[at_] == ']') {
    ++at_;
    --depth_;
    return false;
  }
  if (!fresh_[depth_ - 1]) {
    if (text_[at_] != ',') return broken("',' or ']'");
    ++at_;
  }
  fresh_[depth_ - 1] = false;
  return true;
}

bool JsonReader::next_key(std::string& key) {
  skip_space();
  if (failed()) return false;
  if (at_ >= text_.size()) return broken("',' or '}'");
  if (text_[at_] == '}') {
    ++at_;
    --depth_;
    return false;
  }
  if (!fresh_[depth_ - 1]) {
    if (text_[at_] != ',') return broken("',' or '}'");
    ++at_;
    skip_space();
  }
  fresh_[depth_ - 1] = false;
  if (at_ >= text_.size() || text_[at_] != '"') return broken("a name in quotes");
  if (!read_string(key)) return false;
  skip_space();
  if (at_ >= text_.size() || text_[at_] != ':') return broken("':'");
  ++at_;
  return true;
}

bool JsonReader::read_string(std::string& value) {
  value.clear();
  return scan_string(&value);
}

// Reads a string into `value`, or only checks it when that is null.
bool JsonReader::scan_string(std::string* value) {
  skip_space();
  if (failed() || at_ >= text_.size() || text_[at_] != '"') return broken("a string");
  ++at_;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '"') {
      ++at_;
      return true;
    }
    if (c == '\\') {
      if (!read_escape(value)) return false;
      continue;
    }
    if (static_cast<unsigned char>(c) < 0x20) return fail("a control character in a string");
    const std::size_t length = utf8_length(text_.substr(at_));
    if (length == 0) return fail("a string that is not UTF-8");
    if (value != nullptr) value->append(text_, at_, length);
    at_ += length;
  }
  return broken("'\"'");
}

bool JsonReader::read_hex(unsigned& unit) {
  if (text_.size() - at_ < 4) {
    at_ = text_.size();
    return broken("four hexadecimal digits");
  }
  unit = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    const char c = text_[at_];
    const char lower = static_cast<char>(c | 0x20);
    if (!is_digit(c) && (lower < 'a' || lower > 'f')) return broken("a hexadecimal digit");
    unit = unit * 16 + static_cast<unsigned>(is_digit(c) ? c - '0' : lower - 'a' + 10);
  }
  return true;
}

bool JsonReader::read_escape(std::string* value) {
  ++at_;
  if (at_ >= text_.size()) return broken("an escaped character");
  const char c = text_[at_];
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  if (const std::size_t letter = kLetters.find(c); letter != std::string_view::npos) {
    ++at_;
    if (value != nullptr) *value += kMeanings[letter];
    return true;
  }
  if (c != 'u') return broken("an escaped character");
  ++at_;
  unsigned code = 0;
  if (!read_hex(code)) return false;
  if (is_low_surrogate(code)) return fail("half of a surrogate pair");
  if (is_high_surrogate(code)) {
    if (!text_.substr(at_).starts_with("\\u")) return fail("half of a surrogate pair");
    at_ += 2;
    unsigned low = 0;
    if (!read_hex(low)) return false;
    if (!is_low_surrogate(low)) return fail("half of a surrogate pair");
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  if (value != nullptr) append_utf8(*value, code);
  return true;
}

inline bool JsonReader::scan_digits() {
  if (at_ >= text_.size() || !is_digit(text_[at_])) return broken("a digit");
  while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  return true;
}

bool JsonReader::read_number(std::string_view& token) {
  skip_space();
  if (failed()) return false;
  const std::size_t start = at_;
  if (at_ < text_.size() && text_[at_] == '-') {
    ++at_;
    if (at_ < text_.size() && !is_digit(text_[at_])) {
      at_ = start;
      return broken("a number");
    }
  }
  if (at_ < text_.size() && text_[at_] == '0') {
    ++at_;
    if (at_ < text_.size() && is_digit(text_[at_])) return fail("a number with a leading zero");
  } else if (at_ >= text_.size() || !is_digit(text_[at_])) {
    return broken("a number");
  } else {
    scan_digits();
  }
  if (at_ < text_.size() && text_[at_] == '.') {
    ++at_;
    if (!scan_digits()) return false;
  }
  if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
    ++at_;
    if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
    if (!scan_digits()) return false;
  }
  token = text_.substr(start, at_ - start);
  return true;
}

bool JsonReader::read_word(std::string_view word) {
  if (!text_.substr(at_).starts_with(word)) return broken("a value");
  at_ += word.size();
  return true;
}

bool JsonReader::read_bool(bool& value) {
  skip_space();
  if (failed() || at_ >= text_.size()) return broken("true or false");
  value = text_[at_] == 't';
  return read_word(value ? "true" : "false");
}

bool JsonReader::read_null() {
  skip_space();
  return !failed() && read_word("null");
}

bool JsonReader::skip() {
  std::string_view number;
  bool truth = false;
  std::string key;
  switch (next_kind()) {
    case Kind::kObject:
      begin_object();
      while (next_key(key)) skip();
      return !failed();
    case Kind::kArray:
      begin_array();
      while (next_element()) skip();
      return !failed();
    case Kind::kString:
      return scan_string(nullptr);
    case Kind::kNumber:
      return read_number(number);
    case Kind::kBool:
      return read_bool(truth);
    case Kind::kNull:
      return read_null();
    case Kind::kNone:
      break;
  }
  return broken("a value");
}

bool JsonReader::skip(std::string_view& value) {
  skip_space();
  const std::size_t start = at_;
  if (!skip()) return false;
  value = text_.substr(start, at_ - start);
  return true;
}

bool JsonReader::finish() {
  skip_space();
  if (failed()) return false;
  return at_ == text_.size() || broken("the end of the JSON");
}

}  // namespace anynpu::server::oip
