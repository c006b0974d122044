// SPDX-License-Identifier: Apache-2.0
// A transcript as text, JSON or subtitles: what OpenAI's API, whisper and WhisperX write.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/report.h"
#include "base/result.h"
#include "speech/transcript.h"

namespace anynpu::speech {

enum class Format { kText, kJson, kVerboseJson, kSrt, kVtt, kTsv, kWhisperX };

std::span<const Format> formats();
/// "text", "json", "verbose_json", "srt", "vtt", "tsv", "whisperx".
std::string_view to_string(Format format);
/// Also "txt". Code::kInvalid with the names that there are.
Result<Format> parse_format(std::string_view name);
/// Of a file: "txt", "json", "srt", ...
std::string_view extension(Format format);
/// The first format of files that end so, without the point; nothing when there is none.
std::optional<Format> format_of_extension(std::string_view extension);
/// "text/plain; charset=utf-8"
std::string_view media_type(Format format);

struct FormatOptions {
  bool translated = false;  // `task` of verbose JSON
  bool segments = true;     // in verbose JSON
  bool words = false;       // in verbose JSON
};

/// Ends with a new line.
std::string write(const Transcript& transcript, Format format, const FormatOptions& options = {});

/// OpenAI's verbose JSON, with where it ran: model, device, engine, fallback, timings_ms, notes.
Json verbose_json(const Transcript& transcript, const FormatOptions& options);
Json segment_json(const Segment& segment);

/// All of a transcript, and back. Code::kInvalid when it is none.
Json to_json(const Transcript& transcript);
Result<Transcript> transcript_from_json(const Json& json);

}  // namespace anynpu::speech
