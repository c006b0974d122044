// SPDX-License-Identifier: Apache-2.0
// Tokenizer: between text and a model's tokens, after a tokenizer.json, or the list of tokens that
// llama-tokenizer.js carries.
//
// Two kinds are known, both byte pair encodings: the byte-level one of GPT-2 and Whisper, and the
// SentencePiece-like one of Llama and Moonshine, which writes spaces as U+2581 and unknown bytes as
// <0xNN>.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace anynpu::speech {

class Tokenizer {
 public:
  static constexpr std::size_t kMostBytes = 16 << 20;
  static constexpr std::size_t kMostTokens = 1 << 20;

  /// kInvalid, kUnsupported or kTooLarge for what is no tokenizer.json of the two kinds.
  static Result<Tokenizer> parse(std::string_view text);
  /// The source of npm's llama-tokenizer-js: the tokens, one a line, as base64 in quotes.
  static Result<Tokenizer> parse_llama(std::string_view javascript);
  /// By the file's ending: .json or .js.
  static Result<Tokenizer> open(const std::filesystem::path& file);

  /// The bytes that tokens stand for; a character may be spread over several tokens. Marks such as
  /// <|endoftext|>, and numbers that are no tokens, stand for nothing.
  std::string decode(std::span<const int> tokens) const;
  std::string_view bytes_of(int token) const;
  /// Byte-level only; the text's own marks are text. kTooLarge over 64 KB.
  Result<std::vector<int>> encode(std::string_view text) const;

  /// The number of a mark such as "<|startoftranscript|>".
  std::optional<int> mark(std::string_view text) const;
  bool is_mark(int token) const;
  bool byte_level() const { return byte_level_; }
  /// One more than the largest number of a token.
  std::size_t size() const { return pieces_.size(); }

 private:
  void encode_piece(std::string_view piece, std::vector<int>& into) const;

  bool byte_level_ = true;
  std::vector<std::string> pieces_;  // bytes by number; empty for marks
  std::vector<bool> marks_;
  std::unordered_map<std::string, int> numbers_;       // of pieces; byte-level only
  std::unordered_map<std::string, int> mark_numbers_;  // of marks
};

}  // namespace anynpu::speech
