// SPDX-License-Identifier: Apache-2.0
// Estimates when words were said.
#include "speech/word_times.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace anynpu::speech {

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  constexpr std::string_view kSpaces = " \t\r\n";
  for (std::size_t at = text.find_first_not_of(kSpaces); at != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kSpaces, at), text.size());
    words.emplace_back(text.substr(at, end - at));
    at = text.find_first_not_of(kSpaces, end);
  }
  return words;
}

std::vector<Word> words_by_loudness(std::string_view text, double probability, const Window& window,
                                    double start, double end) {
  std::vector<Word> words;
  const std::vector<std::string> texts = words_of(text);
  if (texts.empty()) return words;
  // Spoken time up to the end of each frame; silence counts a little, so that time goes on.
  constexpr double kFrame = static_cast<double>(kActivityFrame) / kSampleRate;
  std::vector<double> spoken = {0};
  std::vector<double> times = {start};
  for (std::size_t i = 0; i < window.activity.size(); ++i) {
    const double from = std::max(start, window.start() + static_cast<double>(i) * kFrame);
    const double to = std::min(end, window.start() + static_cast<double>(i + 1) * kFrame);
    if (to <= from) continue;
    spoken.push_back(spoken.back() + (to - from) * std::max(0.02, double{window.activity[i]}));
    times.push_back(to);
  }
  if (spoken.size() == 1) {
    spoken.push_back(1);
    times.push_back(end);
  }
  double letters = 0;
  for (const std::string& each : texts) letters += static_cast<double>(each.size()) + 1;
  const auto when = [&](double share) {
    const double want = share * spoken.back();
    const auto after = std::lower_bound(spoken.begin() + 1, spoken.end() - 1, want);
    const auto i = static_cast<std::size_t>(after - spoken.begin());
    const double step = spoken[i] - spoken[i - 1];
    const double part = step > 0 ? (want - spoken[i - 1]) / step : 1;
    return times[i - 1] + std::clamp(part, 0.0, 1.0) * (times[i] - times[i - 1]);
  };
  double before = 0;
  for (const std::string& each : texts) {
    const double after = before + static_cast<double>(each.size()) + 1;
    words.push_back({each, when(before / letters), when(after / letters), probability});
    before = after;
  }
  return words;
}

namespace {

bool is_whole(std::string_view utf8) {
  std::size_t at = 0;
  while (at < utf8.size()) {
    const auto lead = static_cast<unsigned char>(utf8[at]);
    at += lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  }
  return at == utf8.size();
}

}  // namespace

std::vector<Word> words_from_tokens(const Tokenizer& tokenizer, std::span<const int> tokens,
                                    std::span<const float> logprobs, std::span<const double> begins,
                                    double frame_seconds, double start, bool spaces) {
  struct Group {
    std::string text;
    std::size_t from = 0, to = 0;
  };
  std::vector<Group> groups;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string_view bytes = tokenizer.bytes_of(tokens[i]);
    const bool anew =
        groups.empty() || (spaces ? bytes.starts_with(' ') : is_whole(groups.back().text));
    if (anew) groups.push_back({"", i, i});
    groups.back().text += bytes;
    groups.back().to = i + 1;
  }
  std::vector<Word> words;
  for (const Group& group : groups) {
    const std::string_view text = trim(group.text);
    if (text.empty()) continue;
    double sum = 0;
    for (std::size_t i = group.from; i < group.to; ++i) sum += std::exp(double{logprobs[i]});
    words.push_back({std::string(text), start + begins[group.from] * frame_seconds,
                     start + begins[group.to] * frame_seconds,
                     sum / static_cast<double>(group.to - group.from)});
  }
  return words;
}

}  // namespace anynpu::speech
