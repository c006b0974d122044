// SPDX-License-Identifier: Apache-2.0
// Reads tables of tokens, decodes and encodes.
#include "speech/tokenizer.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/text.h"

namespace anynpu::speech {
namespace {

// Not the ordered one, which looks at each key before it adds one: there are 50,000.
using nlohmann::json;

constexpr std::size_t kMostText = 64 * 1024;

// The next character of UTF-8; what is no UTF-8 is taken byte by byte.
char32_t next_character(std::string_view text, std::size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (lead < 0xC0 || at + length > text.size()) {
    ++at;
    return lead;
  }
  char32_t value = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i)
    value = value << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3FU);
  at += length;
  return value;
}

// GPT-2 writes each byte as a visible character: itself where it is one, else from U+0100 on.
bool stands_for_itself(unsigned byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

std::array<int, 512> byte_of_character() {
  std::array<int, 512> bytes;
  bytes.fill(-1);
  std::size_t hidden = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte)
    bytes[stands_for_itself(byte) ? byte : hidden++] = static_cast<int>(byte);
  return bytes;
}

std::string from_byte_level(std::string_view piece) {
  static const std::array<int, 512> bytes = byte_of_character();
  std::string out;
  for (std::size_t at = 0; at < piece.size();) {
    const std::size_t from = at;
    const char32_t character = next_character(piece, at);
    if (character < bytes.size() && bytes[character] >= 0)
      out += static_cast<char>(bytes[character]);
    else
      out += piece.substr(from, at - from);
  }
  return out;
}

std::string from_sentence_piece(std::string_view piece) {
  constexpr std::string_view kSpace = "\xE2\x96\x81";
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  if (piece.size() == 6 && piece.starts_with("<0x") && piece[5] == '>' && digit(piece[3]) >= 0 &&
      digit(piece[4]) >= 0)
    return std::string(1, static_cast<char>(digit(piece[3]) * 16 + digit(piece[4])));
  std::string out;
  for (std::size_t at = 0; at < piece.size();) {
    if (piece.substr(at).starts_with(kSpace)) {
      out += ' ';
      at += kSpace.size();
    } else {
      out += piece[at++];
    }
  }
  return out;
}

// Up to the first character that is none of base64's.
std::string from_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned held = 0, bits = 0;
  for (const char c : text) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) break;
    held = (held << 6 | static_cast<unsigned>(digit)) & 0xFFFFU;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(held >> bits & 0xFFU);
  }
  return bytes;
}

// The names of the decoders, however deep they are put together.
bool names_decoder(const json& decoder, std::string_view type) {
  if (!decoder.is_object()) return false;
  if (const auto found = decoder.find("type");
      found != decoder.end() && found->is_string() && found->get_ref<const std::string&>() == type)
    return true;
  const auto parts = decoder.find("decoders");
  if (parts == decoder.end() || !parts->is_array()) return false;
  return std::any_of(parts->begin(), parts->end(), [&](const json& part) {
    const auto found = part.is_object() ? part.find("type") : part.end();
    return part.is_object() && found != part.end() && found->is_string() &&
           found->get_ref<const std::string&>() == type;
  });
}

bool is_letter(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}
bool is_digit(unsigned char c) {
  return c >= '0' && c <= '9';
}
bool is_space(unsigned char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// GPT-2's words: a space goes with the word after it. Every character beyond ASCII counts as a
// letter.
std::size_t word_end(std::string_view text, std::size_t at) {
  const auto c = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(0);
  };
  if (c(at) == '\'') {
    for (const std::string_view ending : {"s", "t", "re", "ve", "m", "ll", "d"})
      if (text.substr(at + 1).starts_with(ending)) return at + 1 + ending.size();
  }
  std::size_t i = at;
  if (c(i) == ' ' && i + 1 < text.size() && !is_space(c(i + 1))) ++i;
  const auto run = [&](auto&& belongs) {
    while (i < text.size() && belongs(c(i))) ++i;
    return i;
  };
  if (is_letter(c(i))) return run(is_letter);
  if (is_digit(c(i))) return run(is_digit);
  if (!is_space(c(i)))
    return run(
        [](unsigned char each) { return !is_space(each) && !is_letter(each) && !is_digit(each); });
  run(is_space);
  // The last space of several goes with what follows.
  return i < text.size() && i - at > 1 ? i - 1 : i;
}

Error no_tokenizer(std::string why) {
  return Error{Code::kInvalid, "tokenizer.json: " + std::move(why)};
}

}  // namespace

Result<Tokenizer> Tokenizer::parse(std::string_view text) {
  if (text.size() > kMostBytes)
    return Error{Code::kTooLarge, fmt::format("tokenizer.json: {} bytes are over the limit of {}",
                                              text.size(), kMostBytes)};
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) return no_tokenizer("is no JSON object");
  const auto model = document.find("model");
  if (model == document.end() || !model->is_object()) return no_tokenizer("has no model");
  const auto vocabulary = model->find("vocab");
  if (vocabulary == model->end() || !vocabulary->is_object())
    return Error{Code::kUnsupported, "tokenizer.json: its model has no table of tokens"}.with_hint(
        "byte pair encodings are supported");
  const auto decoder = document.find("decoder");
  Tokenizer tokenizer;
  if (decoder != document.end() && names_decoder(*decoder, "ByteLevel"))
    tokenizer.byte_level_ = true;
  else if (decoder != document.end() && names_decoder(*decoder, "ByteFallback"))
    tokenizer.byte_level_ = false;
  else
    return Error{Code::kUnsupported, "tokenizer.json: its decoder is not known"}.with_hint(
        "ByteLevel and ByteFallback are supported");

  const auto number_of = [](const json& value) -> std::optional<std::size_t> {
    if (!value.is_number_integer()) return std::nullopt;
    const auto number = value.get<std::int64_t>();
    if (number < 0 || number >= static_cast<std::int64_t>(kMostTokens)) return std::nullopt;
    return static_cast<std::size_t>(number);
  };
  const auto make_room = [&](std::size_t number) {
    if (number < tokenizer.pieces_.size()) return;
    tokenizer.pieces_.resize(number + 1);
    tokenizer.marks_.resize(number + 1, false);
  };
  for (const auto& [piece, value] : vocabulary->items()) {
    const auto number = number_of(value);
    if (!number) return no_tokenizer("a token has no number");
    make_room(*number);
    std::string bytes = tokenizer.byte_level_ ? from_byte_level(piece) : from_sentence_piece(piece);
    if (tokenizer.byte_level_) tokenizer.numbers_[bytes] = static_cast<int>(*number);
    tokenizer.pieces_[*number] = std::move(bytes);
  }
  if (const auto added = document.find("added_tokens");
      added != document.end() && added->is_array()) {
    for (const json& token : *added) {
      if (!token.is_object()) return no_tokenizer("an added token is no object");
      const auto id = token.find("id"), content = token.find("content");
      const auto number = id == token.end() ? std::nullopt : number_of(*id);
      if (!number || content == token.end() || !content->is_string())
        return no_tokenizer("an added token has no number or no content");
      make_room(*number);
      tokenizer.pieces_[*number].clear();
      tokenizer.marks_[*number] = true;
      tokenizer.mark_numbers_[content->get<std::string>()] = static_cast<int>(*number);
    }
  }
  if (tokenizer.pieces_.empty()) return no_tokenizer("has no tokens");
  return tokenizer;
}

Result<Tokenizer> Tokenizer::parse_llama(std::string_view javascript) {
  constexpr std::string_view kMarker = "llama_vocab_base64 = \"";
  if (javascript.size() > kMostBytes)
    return Error{Code::kTooLarge,
                 fmt::format("the list of tokens: {} bytes are over the limit of {}",
                             javascript.size(), kMostBytes)};
  const std::size_t at = javascript.find(kMarker);
  if (at == std::string_view::npos)
    return Error{Code::kInvalid, "the list of tokens: there is no llama_vocab_base64"};
  Tokenizer tokenizer;
  tokenizer.byte_level_ = false;
  const std::string lines = from_base64(javascript.substr(at + kMarker.size()));
  for (const std::string& line : split(lines, '\n')) {
    const auto number = static_cast<int>(tokenizer.pieces_.size());
    if (tokenizer.pieces_.size() >= kMostTokens)
      return Error{Code::kTooLarge, "the list of tokens: there are too many"};
    // <unk>, <s>, </s> are the first three.
    const bool mark = number < 3;
    if (mark) tokenizer.mark_numbers_[line] = number;
    tokenizer.pieces_.push_back(mark ? "" : from_sentence_piece(line));
    tokenizer.marks_.push_back(mark);
  }
  if (tokenizer.pieces_.size() <= 3)
    return Error{Code::kInvalid, "the list of tokens: there are none"};
  return tokenizer;
}

Result<Tokenizer> Tokenizer::open(const std::filesystem::path& file) {
  ANYNPU_TRY(text, read_text(file, kMostBytes));
  auto tokenizer = file.extension() == ".js" ? parse_llama(text) : parse(text);
  if (!tokenizer) return std::move(tokenizer).error().within(file.parent_path().string());
  return tokenizer;
}

std::string_view Tokenizer::bytes_of(int token) const {
  if (token < 0 || static_cast<std::size_t>(token) >= pieces_.size()) return {};
  return pieces_[static_cast<std::size_t>(token)];
}

bool Tokenizer::is_mark(int token) const {
  return token >= 0 && static_cast<std::size_t>(token) < marks_.size() &&
         marks_[static_cast<std::size_t>(token)];
}

std::string Tokenizer::decode(std::span<const int> tokens) const {
  std::string text;
  for (const int token : tokens) text += bytes_of(token);
  return text;
}

std::optional<int> Tokenizer::mark(std::string_view text) const {
  const auto found = mark_numbers_.find(std::string(text));
  return found == mark_numbers_.end() ? std::nullopt : std::optional(found->second);
}

Result<std::vector<int>> Tokenizer::encode(std::string_view text) const {
  if (!byte_level_) return Error{Code::kUnsupported, "this model's tokenizer takes no text"};
  if (text.size() > kMostText)
    return Error{Code::kTooLarge,
                 fmt::format("a text of {} bytes is over the limit of {}", text.size(), kMostText)};
  std::vector<int> tokens;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = word_end(text, at);
    encode_piece(text.substr(at, end - at), tokens);
    at = end;
  }
  return tokens;
}

// Joins, again and again, the two neighbours whose union has the lowest number: tokens are numbered
// in the order in which the pairs were found.
void Tokenizer::encode_piece(std::string_view piece, std::vector<int>& into) const {
  constexpr std::size_t kLongest = 256;  // what is longer is no word
  if (piece.size() > kLongest) {
    encode_piece(piece.substr(0, kLongest), into);
    encode_piece(piece.substr(kLongest), into);
    return;
  }
  const auto number_of = [&](std::string_view bytes) {
    const auto found = numbers_.find(std::string(bytes));
    return found == numbers_.end() ? -1 : found->second;
  };
  std::vector<std::size_t> ends;
  for (std::size_t i = 1; i <= piece.size(); ++i) ends.push_back(i);
  while (ends.size() > 1) {
    std::size_t best = ends.size();
    int lowest = -1;
    for (std::size_t i = 0; i + 1 < ends.size(); ++i) {
      const std::size_t begin = i == 0 ? 0 : ends[i - 1];
      const int number = number_of(piece.substr(begin, ends[i + 1] - begin));
      if (number >= 0 && (lowest < 0 || number < lowest)) {
        lowest = number;
        best = i;
      }
    }
    if (best == ends.size()) break;
    ends.erase(ends.begin() + static_cast<std::ptrdiff_t>(best));
  }
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    const int number = number_of(piece.substr(begin, end - begin));
    if (number >= 0) into.push_back(number);
    begin = end;
  }
}

}  // namespace anynpu::speech
