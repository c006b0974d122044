// SPDX-License-Identifier: Apache-2.0
// Finds Whisper's marks in its tokenizer.
#include "speech/whisper_tokens.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::speech {
namespace {

constexpr int kMostTokens = 224;      // of a window: half of the decoder's memory
constexpr int kLatestFirstTime = 50;  // the first mark of time is within a second
constexpr int kWhisperRepeats = 10;

// What a transcript does not spell, after openai/whisper's non_speech_tokens.
std::vector<std::int32_t> unspoken(const Tokenizer& tokenizer) {
  std::vector<std::string> symbols;
  for (const char c : std::string_view("\"#()*+/:;<=>@[\\]^_`{|}~")) symbols.emplace_back(1, c);
  for (const std::string& each :
       split("\u300c \u300d \u300e \u300f << >> <<< >>> -- --- -( -[ (' (\" (( )) ((( ))) [[ ]] "
             "{{ }} \u266a\u266a \u266a\u266a\u266a",
             ' '))
    symbols.push_back(each);
  const std::vector<std::string> music =
      split("\u2669 \u266a \u266b \u266c \u266d \u266e \u266f", ' ');
  std::set<std::int32_t> tokens;
  const auto add = [&](const std::string& text, bool first_of_several) {
    const auto encoded = tokenizer.encode(text);
    if (encoded && !encoded->empty() && (first_of_several || encoded->size() == 1))
      tokens.insert(encoded->front());
  };
  add(" -", true);
  add(" '", true);
  for (const std::string& symbol : symbols)
    for (const std::string& text : {symbol, " " + symbol}) add(text, false);
  for (const std::string& symbol : music)
    for (const std::string& text : {symbol, " " + symbol}) add(text, true);
  return {tokens.begin(), tokens.end()};
}

}  // namespace

Result<WhisperTokens> WhisperTokens::find(const Tokenizer& tokenizer) {
  WhisperTokens found;
  std::string missing;
  const auto mark = [&](const char* text, const char* or_else = nullptr) {
    auto number = tokenizer.mark(text);
    if (!number && or_else != nullptr) number = tokenizer.mark(or_else);
    if (!number && missing.empty()) missing = text;
    return number.value_or(0);
  };
  found.start = mark("<|startoftranscript|>");
  found.end = mark("<|endoftext|>");
  found.previous = mark("<|startofprev|>");
  found.transcribe = mark("<|transcribe|>");
  found.translate = mark("<|translate|>");
  found.no_speech = mark("<|nocaptions|>", "<|nospeech|>");
  found.no_timestamps = mark("<|notimestamps|>");
  found.first_time = found.no_timestamps + 1;
  found.first_language = mark("<|en|>");
  found.last_language = found.translate - 1;
  if (!missing.empty() || found.last_language < found.first_language)
    return Error{Code::kInvalid, fmt::format("the tokenizer is no multilingual Whisper's: it has "
                                             "no {}",
                                             missing.empty() ? "languages" : missing)};
  // Their order is the model's own.
  found.languages.resize(static_cast<std::size_t>(found.last_language - found.first_language + 1));
  for (const char first : std::string_view("abcdefghijklmnopqrstuvwxyz"))
    for (const char second : std::string_view("abcdefghijklmnopqrstuvwxyz")) {
      const std::string code = {first, second};
      const auto number = tokenizer.mark("<|" + code + "|>");
      if (number && *number >= found.first_language && *number <= found.last_language)
        found.languages[static_cast<std::size_t>(*number - found.first_language)] = code;
    }
  for (const char* code : {"haw", "yue"}) {
    const auto number = tokenizer.mark(fmt::format("<|{}|>", code));
    if (number && *number >= found.first_language && *number <= found.last_language)
      found.languages[static_cast<std::size_t>(*number - found.first_language)] = code;
  }
  found.suppress = unspoken(tokenizer);
  for (const char* text : {"<|startoftranscript|>", "<|translate|>", "<|transcribe|>",
                           "<|startoflm|>", "<|startofprev|>"})
    if (const auto number = tokenizer.mark(text)) found.suppress.push_back(*number);
  found.suppress.push_back(found.no_speech);
  for (int token = found.first_language; token <= found.last_language; ++token)
    found.suppress.push_back(token);
  found.suppress_first = {found.end};
  if (const auto space = tokenizer.encode(" "); space && !space->empty())
    found.suppress_first.push_back(space->front());
  return found;
}

int WhisperTokens::language(std::string_view code) const {
  const auto at = std::find(languages.begin(), languages.end(), code);
  return at == languages.end() ? -1 : first_language + static_cast<int>(at - languages.begin());
}

engine::DecodeSettings WhisperTokens::settings() const {
  engine::DecodeSettings settings;
  settings.max_tokens = kMostTokens;
  settings.end_token = end;
  settings.no_speech_token = no_speech;
  settings.language_first = first_language;
  settings.language_last = last_language;
  settings.timestamp_first = first_time;
  settings.no_timestamps_token = no_timestamps;
  settings.max_initial_timestamp = kLatestFirstTime;
  settings.repeat_limit = kWhisperRepeats;
  return settings;
}

}  // namespace anynpu::speech
