// SPDX-License-Identifier: Apache-2.0
// The words of a manifest.
#include "host/tokens.h"

#include <array>
#include <cerrno>
#include <charconv>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::host {
namespace {

struct Name {
  int number;
  std::string_view word;
};
constexpr std::array<Name, 22> kNames = {{{EACCES, "EACCES"},         {EPERM, "EPERM"},
                                          {ENOENT, "ENOENT"},         {EIO, "EIO"},
                                          {ENXIO, "ENXIO"},           {ENODEV, "ENODEV"},
                                          {EBUSY, "EBUSY"},           {EINVAL, "EINVAL"},
                                          {ENOTTY, "ENOTTY"},         {ETIMEDOUT, "ETIMEDOUT"},
                                          {EOPNOTSUPP, "EOPNOTSUPP"}, {EAGAIN, "EAGAIN"},
                                          {ENOMEM, "ENOMEM"},         {ELOOP, "ELOOP"},
                                          {ENOTDIR, "ENOTDIR"},       {EISDIR, "EISDIR"},
                                          {ENOSPC, "ENOSPC"},         {EFAULT, "EFAULT"},
                                          {ENOSYS, "ENOSYS"},         {EFBIG, "EFBIG"},
                                          {EOVERFLOW, "EOVERFLOW"},   {ESTALE, "ESTALE"}}};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Result<std::string> unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return Error{Code::kInvalid, "a \\ at the end"};
    switch (text[i]) {
      case 'n':
        out += '\n';
        break;
      case 't':
        out += '\t';
        break;
      case '0':
        out += '\0';
        break;
      case '\\':
      case '"':
        out += text[i];
        break;
      case 'x': {
        int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
        if (high < 0 || low < 0) return Error{Code::kInvalid, "\\x needs two hexadecimal digits"};
        out += static_cast<char>(high * 16 + low);
        i += 2;
        break;
      }
      default:
        return Error{Code::kInvalid,
                     fmt::format("unknown escape \\{}", printable(text.substr(i, 1)))};
    }
  }
  return out;
}

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\0')
      out += "\\0";
    else if (c == '\\')
      out += "\\\\";
    else if (c == ' ' && out.empty())
      out += "\\x20";  // the reader skips spaces before a text
    else if (c < ' ' || c > '~')
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out;
}

std::string escape_word(std::string_view text) {
  std::string out;
  for (char c : escape(text)) out += c == ' ' ? std::string("\\x20") : std::string(1, c);
  return out;
}

int errno_of(std::string_view word) {
  for (const Name& name : kNames)
    if (name.word == word) return name.number;
  auto number = parse_number(word);
  return number && *number < 4096 ? static_cast<int>(*number) : 0;
}

std::string errno_name(int number) {
  for (const Name& name : kNames)
    if (name.number == number) return std::string(name.word);
  return std::to_string(number);
}

Result<std::uint64_t> parse_number(std::string_view word, int base) {
  if (base == 16 && word.starts_with("0x")) word.remove_prefix(2);
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
  if (word.empty() || error != std::errc() || end != word.data() + word.size())
    return Error{Code::kInvalid, fmt::format("\"{}\" is not a number", printable(word, 40))};
  return value;
}

std::string_view take_word(std::string_view& rest) {
  std::size_t end = rest.find(' ');
  std::string_view word = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(' ')));
  return word;
}

Result<std::vector<std::pair<std::string, std::string>>> parse_pairs(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!text.empty()) {
    std::size_t equals = text.find('=');
    if (equals == std::string_view::npos)
      return Error{Code::kInvalid, fmt::format("\"{}\" is not key=value", printable(text, 40))};
    std::string key(text.substr(0, equals));
    text.remove_prefix(equals + 1);
    if (text.starts_with('"')) {
      std::size_t end = 1;
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
      if (end >= text.size()) return Error{Code::kInvalid, key + ": the closing \" is missing"};
      ANYNPU_TRY(value, unescape(text.substr(1, end - 1)));
      pairs.emplace_back(std::move(key), std::move(value));
      text.remove_prefix(end + 1);
      text.remove_prefix(std::min(text.size(), text.find_first_not_of(' ')));
    } else {
      pairs.emplace_back(std::move(key), std::string(take_word(text)));
    }
  }
  return pairs;
}

}  // namespace anynpu::host
