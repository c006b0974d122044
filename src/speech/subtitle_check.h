// SPDX-License-Identifier: Apache-2.0
// Validators of SRT and WebVTT for tests: as strict as the strictest player.
#pragma once

#include <regex>
#include <string>
#include <vector>

#include "base/text.h"

namespace anynpu::speech {

/// What is wrong with a file of subtitles; empty: nothing. `cues` counts them.
inline std::string check_subtitles(const std::string& file, bool vtt, std::size_t& cues) {
  cues = 0;
  if (file.empty()) return vtt ? "WEBVTT is missing" : "";
  if (file.back() != '\n') return "the last line has no end";
  if (file.find('\r') != std::string::npos) return "mixed ends of lines";
  std::vector<std::string> lines = split(file.substr(0, file.size() - 1), '\n');
  std::size_t at = 0;
  if (vtt) {
    if (lines[0] != "WEBVTT") return "it does not begin with WEBVTT";
    if (lines.size() > 1 && !lines[1].empty()) return "no empty line after WEBVTT";
    at = 2;
  }
  static const std::regex kSrt(
      R"((\d\d):([0-5]\d):([0-5]\d),(\d{3}) --> (\d\d):([0-5]\d):([0-5]\d),(\d{3}))");
  static const std::regex kVtt(
      R"((\d\d):([0-5]\d):([0-5]\d)\.(\d{3}) --> (\d\d):([0-5]\d):([0-5]\d)\.(\d{3}))");
  long last_start = -1;
  while (at < lines.size()) {
    ++cues;
    const std::string where = "cue " + std::to_string(cues);
    if (!vtt && lines[at++] != std::to_string(cues)) return where + " has another number";
    std::smatch times;
    if (at >= lines.size() || !std::regex_match(lines[at], times, vtt ? kVtt : kSrt))
      return where + " has no line of times";
    auto ms = [&](std::size_t group) {
      return ((std::stol(times[group]) * 60 + std::stol(times[group + 1])) * 60 +
              std::stol(times[group + 2])) *
                 1000 +
             std::stol(times[group + 3]);
    };
    if (ms(5) <= ms(1)) return where + " ends before it begins";
    if (ms(1) < last_start) return where + " begins before the one before it";
    last_start = ms(1);
    const std::size_t first = ++at;
    for (; at < lines.size() && !lines[at].empty(); ++at) {
      if (lines[at].find("-->") != std::string::npos) return where + " has an arrow in its text";
      if (vtt && std::regex_search(lines[at], std::regex("<|&(?!amp;|lt;|gt;)")))
        return where + " has markup in its text";
    }
    if (at == first) return where + " has no text";
    if (at < lines.size() && ++at >= lines.size()) return "it ends with an empty line";
  }
  return "";
}

}  // namespace anynpu::speech
