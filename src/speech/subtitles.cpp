// SPDX-License-Identifier: Apache-2.0
// Times are rounded once, to milliseconds, before anything is compared.
#include "speech/subtitles.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::speech {
namespace {

constexpr std::size_t kMostBytes = 84;  // two lines of 42 letters
constexpr double kMostShown = 7;        // seconds
constexpr std::int64_t kLeastMs = 10;

std::int64_t ms_of(double seconds) {
  constexpr double kMost = 359998;  // 99:59:58, so that what follows it still has two digits
  return std::llround(std::clamp(std::isfinite(seconds) ? seconds : 0.0, 0.0, kMost) * 1000);
}

std::string time_text(double seconds, char point) {
  const std::int64_t ms = std::llround(seconds * 1000);
  return fmt::format("{:02}:{:02}:{:02}{}{:03}", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60,
                     point, ms % 1000);
}

std::string one_line(std::string_view text) {
  std::string line;
  for (char c : trim(text)) {
    const bool space = c == '\n' || c == '\r' || c == '\t' || c == ' ' || c == '\0';
    if (space && !line.empty() && line.back() == ' ') continue;
    line += space ? ' ' : c;
  }
  return line;
}

void add(std::vector<Cue>& to, double start, double end, std::string_view text) {
  std::string line = one_line(text);
  if (line.empty()) return;
  std::int64_t from = ms_of(start);
  if (!to.empty()) from = std::max(from, ms_of(to.back().start));
  const std::int64_t until = std::max(ms_of(end), from + kLeastMs);
  to.push_back(
      {static_cast<double>(from) / 1000, static_cast<double>(until) / 1000, std::move(line)});
}

// Where each word begins in the text; empty when they do not fit together.
std::vector<std::size_t> places(const Segment& segment) {
  std::vector<std::size_t> found;
  std::size_t from = 0;
  for (const Word& word : segment.words) {
    const std::size_t at = segment.text.find(word.word, from);
    if (at == std::string::npos || word.word.empty()) return {};
    found.push_back(at);
    from = at + word.word.size();
  }
  return found;
}

void add_segment(std::vector<Cue>& to, const Segment& segment) {
  const bool readable =
      segment.text.size() <= kMostBytes && segment.end - segment.start <= kMostShown;
  const std::vector<std::size_t> at = readable ? std::vector<std::size_t>() : places(segment);
  if (at.empty()) return add(to, segment.start, segment.end, segment.text);
  const std::vector<Word>& words = segment.words;
  std::size_t first = 0;
  std::size_t from = 0;
  for (std::size_t i = 1; i <= words.size(); ++i) {
    const bool last = i == words.size();
    const bool full = !last && (at[i] + words[i].word.size() - from > kMostBytes ||
                                words[i].end - words[first].start > kMostShown);
    if (!last && !full) continue;
    const std::size_t end = last ? segment.text.size() : at[i];
    add(to, words[first].start, words[i - 1].end,
        std::string_view(segment.text).substr(from, end - from));
    first = i;
    from = end;
  }
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

}  // namespace

std::vector<Cue> cues(const Transcript& transcript) {
  std::vector<Cue> all;
  for (const Segment& segment : transcript.segments) add_segment(all, segment);
  return all;
}

std::string srt(const Transcript& transcript) {
  std::string out;
  int number = 0;
  for (const Cue& cue : cues(transcript))
    out += fmt::format("{}{}\n{} --> {}\n{}\n", out.empty() ? "" : "\n", ++number,
                       time_text(cue.start, ','), time_text(cue.end, ','),
                       replaced(cue.text, "-->", "->"));
  return out;
}

std::string vtt(const Transcript& transcript) {
  std::string out = "WEBVTT\n";
  for (const Cue& cue : cues(transcript)) {
    std::string text = replaced(cue.text, "&", "&amp;");
    text = replaced(replaced(text, "<", "&lt;"), ">", "&gt;");
    out +=
        fmt::format("\n{} --> {}\n{}\n", time_text(cue.start, '.'), time_text(cue.end, '.'), text);
  }
  return out;
}

std::string tsv(const Transcript& transcript) {
  std::string out = "start\tend\ttext\n";
  for (const Segment& segment : transcript.segments)
    out += fmt::format("{}\t{}\t{}\n", ms_of(segment.start), ms_of(segment.end),
                       one_line(segment.text));
  return out;
}

}  // namespace anynpu::speech
