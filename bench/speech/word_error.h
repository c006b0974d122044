// SPDX-License-Identifier: Apache-2.0
// Word error rate over a folder of clips with transcripts.tsv, for the benchmark and the tests.
#pragma once

#include <array>
#include <cctype>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/least_edits.h"
#include "base/text.h"

namespace anynpu::test {

struct Clip {
  std::filesystem::path file;
  std::string text;
};

/// Lines of transcripts.tsv: file, text, source.
inline std::vector<Clip> clips_of(const std::filesystem::path& folder) {
  std::vector<Clip> clips;
  const auto list = read_text(folder / "transcripts.tsv");
  if (!list) return clips;
  for (const std::string& line : split(*list, '\n')) {
    const std::vector<std::string> columns = split(line, '\t');
    if (columns.size() < 2 || columns[0] == "file") continue;
    clips.push_back({folder / columns[0], columns[1]});
  }
  return clips;
}

inline std::string number_in_words(unsigned long number) {
  static constexpr std::array kSmall = {"zero",    "one",     "two",       "three",    "four",
                                        "five",    "six",     "seven",     "eight",    "nine",
                                        "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                        "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
  static constexpr std::array kTens = {"",      "",      "twenty",  "thirty", "forty",
                                       "fifty", "sixty", "seventy", "eighty", "ninety"};
  if (number < 20) return kSmall[number];
  if (number < 100)
    return std::string(kTens[number / 10]) +
           (number % 10 != 0 ? " " + number_in_words(number % 10) : "");
  const unsigned long unit = number < 1000 ? 100 : number < 1000000 ? 1000 : 1000000;
  const char* name = unit == 100 ? " hundred" : unit == 1000 ? " thousand" : " million";
  return number_in_words(number / unit) + name +
         (number % unit != 0 ? " " + number_in_words(number % unit) : "");
}

/// Lower-case words without punctuation; numbers and a few short forms in words.
inline std::vector<std::string> normal_words(std::string_view text) {
  static const std::map<std::string, std::string> kShort = {
      {"mr", "mister"}, {"mrs", "missus"}, {"dr", "doctor"}, {"st", "saint"}, {"&", "and"}};
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (text.substr(i).starts_with("\xE2\x80\x99")) {  // a curly apostrophe
      plain += '\'';
      i += 2;
    } else if (std::isalnum(c) != 0 || c == '\'' || c >= 0x80 || c == '&') {
      plain += static_cast<char>(std::tolower(c));
    } else if (c == ',' && i > 0 && i + 1 < text.size() && std::isdigit(text[i - 1]) != 0 &&
               std::isdigit(text[i + 1]) != 0) {
      continue;  // 1,000
    } else {
      plain += ' ';
    }
  }
  std::vector<std::string> words;
  for (std::string word : split(plain, ' ')) {
    while (!word.empty() && word.front() == '\'') word.erase(0, 1);
    while (!word.empty() && word.back() == '\'') word.pop_back();
    if (word.empty()) continue;
    const bool number =
        word.size() < 8 && word.find_first_not_of("0123456789") == std::string::npos;
    if (number) word = number_in_words(std::stoul(word));
    if (const auto found = kShort.find(word); found != kShort.end()) word = found->second;
    for (const std::string& part : split(word, ' '))
      if (!part.empty()) words.push_back(part);
  }
  return words;
}

struct WordErrors {
  std::size_t errors = 0;
  std::size_t words = 0;

  void add(std::string_view said, std::string_view heard) {
    const std::vector<std::string> a = normal_words(said), b = normal_words(heard);
    errors += least_edits(a, b);
    words += a.size();
  }
  double percent() const {
    return words == 0 ? 0 : 100.0 * static_cast<double>(errors) / static_cast<double>(words);
  }
};

}  // namespace anynpu::test
