// SPDX-License-Identifier: Apache-2.0
// Subtitles: SubRip (SRT), WebVTT (https://www.w3.org/TR/webvtt1/) and whisper's TSV.
#pragma once

#include <string>
#include <vector>

#include "speech/transcript.h"

namespace anynpu::speech {

/// One text on the screen.
struct Cue {
  double start = 0, end = 0;
  std::string text;  // one line
};

/// A cue for each segment; a segment that is too long to be read at once is cut between words when
/// their times are known. Each has some length, and none begins before the one before it.
std::vector<Cue> cues(const Transcript& transcript);

std::string srt(const Transcript& transcript);
std::string vtt(const Transcript& transcript);
std::string tsv(const Transcript& transcript);

}  // namespace anynpu::speech
